"""A run repeated from its record."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from segpeft.bundle.__main__ import main
from segpeft.bundle.repeat import differences, repetition
from segpeft.errors import InputError
from tests.bundles.runs import TRAINING, run, weights


@pytest.fixture(scope="module")
def relative(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a training left everything, named by relative paths, and the data."""
    folder = tmp_path_factory.mktemp("relative")
    shutil.copytree(phantoms, folder / "data")
    places = {"dataset_dir": "data", "output_dir": "runs/one", "model_dir": "models", "cache_dir": "cache"}
    before = os.getcwd()
    os.chdir(folder)
    try:
        run("brats_lora", "train", run_id="training", **TRAINING, **places, adapter_path="a.safetensors", resume=True)
    finally:
        os.chdir(before)
    return folder


def repeat(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segpeft.bundle", "repeat", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_training_is_repeated_to_the_bit(relative, tmp_path):
    files = {path: path.read_bytes() for path in relative.rglob("*") if path.is_file() and "cache" not in path.parts}
    ended = repeat(relative / "runs" / "one", "--output_dir", "again", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-4000:]
    again = tmp_path / "again"
    for ours, theirs in (
        (relative / "models" / "model.pt", again / "models" / "model.pt"),
        (relative / "runs" / "one" / "training_state.pt", again / "training_state.pt"),
    ):
        one, other = (weights(path) for path in (ours, theirs))
        one, other = one.get("network", one), other.get("network", other)
        assert list(one) == list(other)
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert (again / "models" / "adapters" / "a.safetensors").read_bytes() == files[relative / "a.safetensors"]
    assert {path: path.read_bytes() for path in files} == files  # the first run is as it was
    records = [json.loads((folder / "record.json").read_text()) for folder in (relative / "runs" / "one", again)]
    assert records[0]["data"] == records[1]["data"]
    with pytest.raises(InputError, match="holds a run already"):
        repetition(relative / "runs" / "one", again)


def test_other_data_are_refused_in_one_line(relative, tmp_path):
    shutil.copytree(relative / "data", tmp_path / "data")
    label = tmp_path / "data" / "labelsTr" / "BRATS_002.nii.gz"
    label.write_bytes((tmp_path / "data" / "labelsTr" / "BRATS_001.nii.gz").read_bytes())
    ended = repeat(
        relative / "runs" / "one", "--output_dir", "again", "--set", f"dataset_dir={tmp_path}/data", cwd=tmp_path
    )
    lines = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert ended.returncode == 1
    assert len(lines) == 1
    assert "had other data" in lines[0]
    assert "the files of case BRATS_002 have other names or sizes in section training" in lines[0]
    assert not (tmp_path / "again" / "models").exists()


def change(folder: Path, record: Path, **changes: Any) -> Path:
    known = json.loads((record / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**known, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 2}, "is in format 2, expected 1"),
        ({"config": None}, "the run came from no config"),
        ({"lost": ["Dataset"]}, r"objects that no file can hold \(Dataset\)"),
        ({"config": {"run": []}}, "has no output_dir"),
        ({"directory": "/absent"}, "/absent: is gone"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_can_not_be_repeated(changes, expected, relative, tmp_path):
    with pytest.raises(InputError, match=expected):
        repetition(change(tmp_path, relative / "runs" / "one", **changes))


def test_a_folder_without_a_record(tmp_path, capsys):
    assert main(["repeat", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'record.json'}: no JSON file")


def test_several_processes_are_started_again(relative, tmp_path):
    prepared = repetition(change(tmp_path, relative / "runs" / "one", processes=2), tmp_path / "again")
    assert prepared.command[:4] == ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    assert prepared.command[4:8] == ["-m", "monai.bundle", "run", "training"]


def test_an_evaluation_keeps_its_model(relative, tmp_path):
    folder = change(tmp_path, relative / "runs" / "one", kind="evaluation")
    repetition(folder, tmp_path / "again")
    config = json.loads((tmp_path / "again" / "repeat.json").read_text())
    assert (config["model_dir"], config["output_dir"]) == ("models", str(tmp_path / "again"))


def test_other_versions_and_revisions_are_named(relative):
    record = json.loads((relative / "runs" / "one" / "record.json").read_text())
    versions = {**record["versions"], "torch": "1.0", "segpeft": "0.0.1"}
    changed = {**record, "versions": versions, "git": {"revision": "0" * 40, "dirty": True}}
    found = differences(changed)
    assert f"torch is {torch.__version__}, was 1.0" in found
    assert any(line.startswith("segpeft is ") for line in found)
    assert "there were changes that are in no revision" in found
    packed = {**changed, "config": {"segpeft": "$..."}}
    assert not any(line.startswith("segpeft is ") for line in differences(packed))
