"""Verifying bundles: packed ones are well, and each planted fault is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from segpeft.bundle.__main__ import main
from segpeft.bundle.checks import inside
from segpeft.bundle.verify import verify
from tests.bundle.small_bundles import unpacked
from tests.bundles.runs import BUNDLES


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked("brats_lora", tmp_path_factory.mktemp("well"))


@pytest.mark.parametrize(
    "name",
    [
        "brats_lora",
        "vit_mae",
        *[pytest.param(name, marks=pytest.mark.slow) for name in ("prostate_lora", "kits_medtuning")],
    ],
)
def test_packed_bundles_are_well(name: str, tmp_path: Path) -> None:
    found = verify(unpacked(name, tmp_path))
    assert [finding.text for finding in found if finding.wrong] == []
    assert [finding.check for finding in found] == (["shapes"] if name == "vit_mae" else [])


def test_a_swin_is_on_the_list_of_exclusions(tmp_path: Path) -> None:
    swin = json.loads((BUNDLES / "kits_medtuning" / "configs" / "swin.json").read_text())
    small = {"embed_dim": 12, "depths": [2, 1, 1, 1], "num_heads": [1, 2, 3, 4]}
    size = [64, 64, 32]
    folder = unpacked(
        "kits_medtuning",
        tmp_path,
        **{**swin, "encoder": {**swin["encoder"], **small}, "image_size": size, "feature_size": None},
    )
    found = verify(folder)
    assert [(finding.check, finding.wrong) for finding in found] == [("script", False)]
    assert "SwinTransformer" in found[0].text


def _edit(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "configs" / "metadata.json"
    metadata = json.loads(path.read_text())
    change(metadata)
    path.write_text(json.dumps(metadata, indent=4))


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def _pred(change: dict) -> Callable[[Path], None]:
    return lambda folder: _edit(
        folder, lambda metadata: metadata["network_data_format"]["outputs"]["pred"].update(change)
    )


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no licence": (lambda folder: (folder / "LICENSE").unlink(), "LICENSE is missing"),
    "no weights": (lambda folder: (folder / "models" / "model.pt").unlink(), "models/model.pt is missing"),
    "version without a changelog": (
        lambda folder: _edit(folder, lambda metadata: metadata.update(version="0.2.0")),
        "changelog has no entry for version 0.2.0",
    ),
    "two digits": (
        lambda folder: _edit(folder, lambda metadata: metadata.update(version="0.10.0", changelog={"0.10.0": "x"})),
        "version 0.10.0: expected three parts of one digit",
    ),
    "no task": (lambda folder: _edit(folder, lambda metadata: metadata.pop("task")), "task is None: expected a str"),
    "gap in the labels": (
        _pred({"channel_def": {"0": "background", "1": "a", "2": "b", "4": "c"}}),
        "channel_def of pred has the values 0, 1, 2, 4",
    ),
    "a path of one machine": (
        lambda folder: _append(folder / "docs" / "README.md", "\nlies in /home/somebody/data\n"),
        "names a place on a machine, /home/somebody",
    ),
    "installed segpeft": (
        lambda folder: _append(folder / "scripts" / "segpeft" / "errors.py", "\nimport segpeft.peft\n"),
        "imports segpeft, not the copy",
    ),
    "late import": (
        lambda folder: _append(folder / "scripts" / "segpeft" / "errors.py", "\ndef f():\n    from . import peft\n"),
        "imports a module of its own late",
    ),
    "package that is not listed": (
        lambda folder: _append(folder / "scripts" / "segpeft" / "errors.py", "\nimport pandas\n"),
        "imports pandas, which required_packages_version does not list",
    ),
    "large file that is not listed": (
        lambda folder: (folder / "models" / "other.pt").write_bytes(bytes(25_000_001)),
        "models/other.pt has more than 25 MB",
    ),
    "another large file": (
        lambda folder: (folder / "large_files.yml").write_text(
            "large_files:\n- {path: models/model.pt, url: 'https://a.b/c', hash_val: '0', hash_type: sha256}\n"
        ),
        "is not the file whose hash large_files.yml gives",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, well: Path, tmp_path: Path) -> None:
    folder = tmp_path / well.name
    shutil.copytree(well, folder)
    plant, said = FAULTS[fault]
    plant(folder)
    found = [finding.text for finding in verify(folder, quick=True) if finding.wrong]
    assert len(found) == 1
    assert said in found[0]


def _other_weights(folder: Path) -> None:
    path = folder / "models" / "model.pt"
    state = torch.load(path, weights_only=True)
    key = next(iter(state))
    torch.save({**state, key: state[key][:1], "more": torch.ones(1)}, path)


@pytest.mark.parametrize(
    ("check", "plant", "said"),
    [
        ("weights", _other_weights, "model.pt has more, the network of inference.json does not"),
        ("shapes", _pred({"num_channels": 2}), "output channel number"),
        ("properties", lambda folder: _misname(folder, "dataset_dir"), "Property 'dataset_dir'"),
    ],
)
def test_a_fault_of_the_network_is_found(check: str, plant: Callable, said: str, well: Path, tmp_path: Path) -> None:
    folder = tmp_path / well.name
    shutil.copytree(well, folder)
    assert inside.problems(check, folder) == []
    plant(folder)
    assert any(said in problem for problem in inside.problems(check, folder))


def _misname(folder: Path, entry: str) -> None:
    path = folder / "configs" / "train.json"
    text = path.read_text().replace(f'"{entry}":', f'"{entry}_moved":')
    path.write_text(text.replace(f'"@{entry}"', f'"@{entry}_moved"'))


def test_a_schema_is_heeded(well: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "required": ["version", "eval_metrics", "sponsor"]}))
    assert main(["verify", str(well), "--schema", str(schema), "--quick"]) == 1
    assert "'sponsor' is a required property" in capsys.readouterr().out
    schema.write_text("no JSON")
    assert main(["verify", str(well), "--schema", str(schema), "--quick"]) == 1
    assert "no JSON schema" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "/no/such/bundle.zip"], "no such folder or zip"),
        (["pack", "/no/such/bundle", "--random-model"], "no bundle, configs/metadata.json is missing"),
        (["pack", "/no/such/bundle", "--set", "image_size"], "expected NAME=VALUE"),
        (["pack", "/no/such/bundle", "--method", "/no/such.json"], "no JSON file with entries by name"),
    ],
)
def test_errors_are_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_zip_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    assert main(["verify", str(tmp_path / "a.zip")]) == 1
    assert "not a readable zip" in capsys.readouterr().err
