"""Packed bundles: the same bytes each time, at work where no segpeft is installed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from segpeft.bundle.archive import unzip
from segpeft.bundle.checks import inside
from segpeft.bundle.large_files import read_large_files, write_large_files
from segpeft.bundle.pack import Weights, pack
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.errors import InputError
from segpeft.file_digest import sha256
from segpeft.peft import read_adapter
from tests.bundle.small_bundles import KNOBS, packed, python, small_copy, unpacked, without_segpeft


@pytest.fixture(scope="module")
def brains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brains")
    assert write_phantoms(["brain", "--cases", "4", "--shape", "32", "32", "24", "--out", str(folder)]) == 0
    return folder


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    made = [packed("brats_lora", tmp_path / str(number)) for number in range(2)]
    assert made[0].archive.name == "brats_lora_v0.1.0_random.zip"
    assert made[0].sha256 == made[1].sha256 == sha256(made[1].archive)
    assert made[0].archive.read_bytes() == made[1].archive.read_bytes()


def test_what_is_in_the_zip(tmp_path: Path) -> None:
    made = packed("brats_lora", tmp_path)
    names = zipfile.ZipFile(made.archive).namelist()
    assert {name.partition("/")[0] for name in names} == {"brats_lora"}
    assert "brats_lora/scripts/segpeft/peft/channel_lora.py" in names
    assert not [name for name in names if "/scripts/segpeft/bundle/" in name or "__pycache__" in name]
    assert made.sizes["models/model.pt"] > made.sizes["models/adapters/brats_lora.safetensors"] > 0
    folder = unzip(made.archive, tmp_path / "unpacked")
    text = "".join(path.read_text() for path in folder.rglob("*") if path.suffix in (".json", ".md", ".py", ".yml"))
    assert str(tmp_path) not in text
    assert str(Path(__file__).parents[2]) not in text
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    assert "RANDOM" in metadata["description"]
    assert "](../.." not in (folder / "docs" / "README.md").read_text()


def test_it_trains_and_infers_without_segpeft(brains: Path, tmp_path: Path) -> None:
    folder = unpacked("brats_lora", tmp_path)
    environment, runner = without_segpeft(tmp_path), ["-m", "monai.bundle", "run"]
    training = ["--dataset_dir", str(brains), "--epochs", "1", "--folds", "2", "--output_dir", str(tmp_path / "out")]
    python(
        [*runner, "training", "--config_file", str(folder / "configs" / "train.json"), *training], tmp_path, environment
    )
    assert (folder / "models" / "adapters" / "brats_lora.safetensors").is_file()
    inference = ["--dataset_dir", str(brains / "imagesTr")]
    python([*runner, "--config_file", str(folder / "configs" / "inference.json"), *inference], tmp_path, environment)
    labels = sorted((folder / "eval" / "inference").rglob("*.nii.gz"))
    assert len(labels) == 4
    image = nibabel.load(next((brains / "imagesTr").glob("*.nii.gz")))
    assert nibabel.load(labels[0]).shape == image.shape[:3]


SPAWNING = """
import multiprocessing, sys
from monai.bundle import run

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")  # as on Windows and macOS
    folder, data, out = sys.argv[1:]
    run(config_file=f"{folder}/configs/inference.json", dataset_dir=data, num_workers=1, output_dir=out)
"""


@pytest.mark.slow
def test_spawned_workers_find_the_package(brains: Path, tmp_path: Path) -> None:
    (tmp_path / "infer.py").write_text(SPAWNING)
    folder = unpacked("brats_lora", tmp_path)
    arguments = [str(tmp_path / "infer.py"), str(folder), str(brains / "imagesTr"), str(tmp_path / "out")]
    python(arguments, tmp_path, without_segpeft(tmp_path))
    assert len(list((tmp_path / "out").rglob("*.nii.gz"))) == 4


FROM_ELSEWHERE = """
import sys
from monai.bundle import create_workflow, load
folder, name = sys.argv[1:]
made = create_workflow(config_file=f"{folder}/configs/inference.json", workflow_type="infer")
print(type(made.network_def).__module__)
print(type(load(name, bundle_dir=f"{folder}/..", source="github", workflow_type="inference")).__name__)
print(made.bundle_root)
"""


def test_tools_find_the_package_from_every_folder(tmp_path: Path) -> None:
    folder = unpacked("kits_medtuning", tmp_path)
    said = python(["-c", FROM_ELSEWHERE, str(folder), folder.name], tmp_path, without_segpeft(tmp_path))
    wanted = ["scripts.segpeft.networks.slice_segmenter", "SliceSegmenter", str(folder)]
    assert [line for line in said.splitlines() if line in wanted] == wanted


def test_the_weights_that_were_trained_are_packed(tmp_path: Path) -> None:
    first = unpacked("brats_lora", tmp_path / "first")
    state = torch.load(first / "models" / "model.pt", weights_only=True)
    moved = {key: value + 1 if value.is_floating_point() else value for key, value in state.items()}
    (tmp_path / "trained").mkdir()
    torch.save(moved, tmp_path / "trained" / "model.pt")
    source = small_copy("brats_lora", tmp_path / "source")
    made = pack(source, tmp_path, Weights(tmp_path / "trained" / "model.pt"), KNOBS["brats_lora"])
    assert made.archive.name == "brats_lora_v0.1.0.zip"
    folder = unzip(made.archive, tmp_path / "unpacked")
    again = torch.load(folder / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(again[key], moved[key]) for key in state)
    adapter, _ = read_adapter(folder / "models" / "adapters" / "brats_lora.safetensors")
    key = next(key for key in adapter if key.endswith("lora_b"))
    assert np.array_equal(adapter[key], moved[key])


@pytest.mark.parametrize(
    ("changes", "weights", "said"),
    [
        ({"method#rank": 2}, "model", "expected the same rank"),
        ({"method": "no_such"}, "random", "method 'no_such' is unknown"),
        ({}, "absent", "no such file, expected weights written by training"),
    ],
    ids=["another rank", "unknown method", "no weights"],
)
def test_what_does_not_fit_is_refused(changes: dict, weights: str, said: str, tmp_path: Path) -> None:
    first = unpacked("brats_lora", tmp_path / "first")
    given = {
        "model": Weights(first / "models" / "model.pt"),
        "random": Weights(random=True),
        "absent": Weights(),
    }[weights]
    with pytest.raises(InputError, match=said):
        pack(small_copy("brats_lora", tmp_path / "source"), tmp_path, given, {**KNOBS["brats_lora"], **changes})
    assert not list(tmp_path.glob("*.zip"))


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="configs/metadata.json is missing"):
        pack(tmp_path, tmp_path, Weights(random=True), {})


def test_large_files_are_listed_by_hash(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    large = tmp_path / "models" / "model.pt"
    large.write_bytes(bytes(26_000_000))
    (tmp_path / "small.txt").write_text("small")
    write_large_files(tmp_path, "https://example.org/bundle/")
    wanted = {"url": "https://example.org/bundle/models/model.pt", "hash_val": sha256(large), "hash_type": "sha256"}
    assert read_large_files(tmp_path) == [{"path": "models/model.pt", **wanted}]


def test_metadata_follow_the_settings(tmp_path: Path) -> None:
    scheme = {"name": "lesion", "regions": {"lesion": [1]}}
    folder = unpacked("brats_lora", tmp_path, channels=["FLAIR", "T2w"], label_scheme=scheme)
    described = json.loads((folder / "configs" / "metadata.json").read_text())["network_data_format"]
    image, pred = described["inputs"]["image"], described["outputs"]["pred"]
    assert image["spatial_shape"] == pred["spatial_shape"] == KNOBS["brats_lora"]["image_size"]
    assert (image["num_channels"], image["channel_def"]) == (2, {"0": "FLAIR", "1": "T2w"})
    assert (pred["num_channels"], pred["channel_def"]) == (1, {"0": "background", "1": "lesion"})
    assert inside.problems("shapes", folder) == []
