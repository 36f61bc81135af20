"""Folders, checkpoints and knobs that cannot be used: one line says which, and nothing is left."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from segpeft.peft import read_adapter
from tests.bundles.runs import INFERRING, TRAINING, outputs, refusal, run, weights, workflow


def infer(folder: Path, **knobs: object) -> str:
    """The message of an inference that is refused; it must not have written anything."""
    message = refusal(run, "brats_lora", "inference", **{**INFERRING, "output_dir": folder / "results", **knobs})
    assert not (folder / "results").exists()
    return message


def train(folder: Path, **knobs: object) -> str:
    """The message of a training that is refused; it must not have written results."""
    message = refusal(run, "brats_lora", "train", **{**TRAINING, **outputs(folder), **knobs})
    assert not (folder / "models").exists()
    assert not (folder / "out").exists()
    return message


@pytest.fixture
def model(trained) -> Path:
    return trained / "models" / "model.pt"


@pytest.mark.parametrize("run_it", [infer, train])
def test_a_missing_folder(run_it, model, tmp_path):
    knobs = {"ckpt_path": model} if run_it is infer else {}
    message = run_it(tmp_path, dataset_dir=tmp_path / "absent", **knobs)
    assert str(tmp_path / "absent") in message
    assert "no such folder" in message


@pytest.mark.parametrize("run_it", [infer, train])
def test_an_empty_folder(run_it, model, tmp_path):
    (tmp_path / "empty").mkdir()
    knobs = {"ckpt_path": model} if run_it is infer else {}
    message = run_it(tmp_path, dataset_dir=tmp_path / "empty", **knobs)
    assert str(tmp_path / "empty") in message
    assert "expected dataset.json" in message


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"training": []}', '{"training": [3]}'])
def test_a_damaged_dataset_json(content, tmp_path):
    path = tmp_path / "data" / "dataset.json"
    path.parent.mkdir()
    path.write_text(content)
    assert str(path) in train(tmp_path, dataset_dir=path.parent)


def test_channels_in_another_order(phantoms, tmp_path):
    message = train(tmp_path, dataset_dir=phantoms, channels=["T1w", "FLAIR", "T1gd", "T2w"])
    assert str(phantoms / "dataset.json") in message
    assert "expected T1w, FLAIR, T1gd, T2w" in message


def other_rank(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": model, "method#rank": 2}


def other_channels(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": model, "channels": ["FLAIR", "T1w", "T1gd"]}


def other_regions(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": model, "label_scheme": {"name": "lesion", "regions": {"lesion": [1]}}}


def other_window(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": model, "image_size": [32, 32, 32]}


def other_base(path: Path, model: Path) -> dict[str, object]:
    torch.manual_seed(7)  # inference draws its base, which must not be the one that the training drew
    return {"ckpt_path": model.parent / "adapters" / "brats_lora.safetensors"}


def adapter_of_other_rank(path: Path, model: Path) -> dict[str, object]:
    return {**other_base(path, model), "method#rank": 2}


def without_adapter_keys(path: Path, model: Path) -> dict[str, object]:
    torch.save({key: value for key, value in weights(model).items() if "lora" not in key}, path / "base.pt")
    return {"ckpt_path": path / "base.pt"}


def lacking_one_adapter_key(path: Path, model: Path) -> dict[str, object]:
    source = model.parent / "adapters" / "brats_lora.safetensors"
    state = load_file(source)
    first = next(key for key in state if "lora" in key)
    save_file({key: v for key, v in state.items() if key != first}, path / "a.safetensors", read_adapter(source)[1])
    return {"ckpt_path": path / "a.safetensors"}


def truncated_model(path: Path, model: Path) -> dict[str, object]:
    (path / "half.pt").write_bytes(model.read_bytes()[:5000])
    return {"ckpt_path": path / "half.pt"}


def truncated_adapter(path: Path, model: Path) -> dict[str, object]:
    whole = (model.parent / "adapters" / "brats_lora.safetensors").read_bytes()
    (path / "half.safetensors").write_bytes(whole[:5000])
    return {"ckpt_path": path / "half.safetensors"}


def training_state(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": model.parent.parent / "out" / "training_state.pt"}


def absent(path: Path, model: Path) -> dict[str, object]:
    return {"ckpt_path": path / "absent.pt"}


CHECKPOINTS = {
    other_rank: ("lora_a", "(4, 4, ", "(4, 2, ", "expected the same rank"),
    other_channels: ("in the file", "in the network", "channels"),
    other_regions: ("in the file", "in the network"),
    other_window: ("position_embeddings", "image size"),
    other_base: ("another base",),
    adapter_of_other_rank: ("rank is 4 in the file, 2 in the network",),
    without_adapter_keys: ("lacks", "lora", "expected weights of the same network and method"),
    lacking_one_adapter_key: ("lacks", "lora", "1 missing"),
    truncated_model: ("not a readable weights file",),
    truncated_adapter: ("not a readable safetensors file",),
    training_state: ("expected tensors by name",),
    absent: ("no such file", "expected weights"),
}


@pytest.mark.parametrize("make", CHECKPOINTS, ids=lambda make: make.__name__)
def test_a_checkpoint_that_does_not_fit(make, model, tmp_path):
    source = one_case(tmp_path, make)
    knobs = make(tmp_path, model)
    message = infer(tmp_path, dataset_dir=source, **knobs)
    assert not [word for word in (str(knobs["ckpt_path"]), *CHECKPOINTS[make]) if word not in message], message


def one_case(folder: Path, make: object) -> Path:
    """A folder of one case with as many channels as the network is asked for."""
    voxels = np.random.default_rng(0).normal(10, 1, (32, 32, 24, 3 if make is other_channels else 4))
    (folder / "data").mkdir()
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.float32), np.eye(4)), folder / "data" / "case.nii.gz")
    return folder / "data"


KNOBS = [
    ({"method#rank": 0}, "rank 0"),
    ({"method#rank": -3}, "rank -3"),
    ({"method#targets": ["out_proj", "linear7"]}, "linear7"),
    ({"method#targets": []}, "targets"),
    ({"method#channels": 3}, "channels"),
    ({"method#dropout": 1.5}, "dropout 1.5"),
    ({"fold": 7, "folds": 5}, "fold is 7"),
    ({"fold": -1}, "fold is -1"),
    ({"folds": 1}, "folds is 1"),
    ({"folds": 50}, "50 folds"),
    ({"epochs": 0}, "epochs 0"),
    ({"overlap": 1.2}, "overlap 1.2"),
    ({"overlap": -0.1}, "overlap -0.1"),
    ({"image_size": [30, 32, 16]}, "image_size [30, 32, 16]"),
    ({"image_size": [32, 32]}, "[32, 32]"),
    ({"image_size": [0, 32, 16]}, "[0, 32, 16]"),
    ({"feature_size": 0}, "feature_size 0"),
    ({"encoder#num_layers": 2}, "num_layers 2"),
    ({"encoder#num_heads": 5}, "num_heads 5"),
    ({"encoder#patch_size": [6, 8, 8], "image_size": [30, 32, 16]}, "patch_size"),
    ({"label_scheme": "mds"}, "label_scheme 'mds' is not known; did you mean 'msd'?"),
    ({"label_scheme": {"regions": {}}}, "at least one region"),
    ({"channels": []}, "channels"),
    ({"channels": ["FLAIR", "T1w"], "method#channels": 2}, "FLAIR, T1w"),
    ({"max_lr": 0.0}, "max_lr 0"),
    ({"max_lr": -1.0}, "max_lr -1"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"crops_per_case": 0}, "num_samples"),
    ({"num_workers": -1}, "num_workers -1"),
    ({"val_interval": 0}, "val_interval 0"),
    ({"seed": -1}, "seed -1"),
    ({"pretrained_encoder": "/no/such/encoder.safetensors"}, "/no/such/encoder.safetensors"),
    ({"cache_dir": None}, "cache_dir"),
]


@pytest.mark.parametrize(("knobs", "expected"), KNOBS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_knob_out_of_range(knobs, expected, phantoms, tmp_path):
    assert expected in train(tmp_path, dataset_dir=phantoms, **knobs)


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"overlap": 1.0}, "overlap 1.0"),
        ({"label_scheme": "MSD "}, "did you mean 'msd'"),
        ({"image_size": [32, 32, 20]}, "image_size"),
        ({"num_workers": -1}, "num_workers -1"),
        ({"method#rank": 0}, "rank 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_knob_out_of_range_in_inference(knobs, expected, phantoms, model, tmp_path):
    assert expected in infer(tmp_path, dataset_dir=phantoms, ckpt_path=model, **knobs)


def test_a_section_that_does_not_exist(phantoms, trained, tmp_path):
    knobs = {**TRAINING, "dataset_dir": phantoms, "model_dir": trained / "models", "output_dir": tmp_path / "out"}
    message = refusal(run, "brats_lora", "train", "evaluate", section="val", **knobs)
    assert "expected one of training, validation, all, test" in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda state: {key: value for key, value in state.items() if "blocks.3." not in key}, "lacks"),
        (lambda state: {key: value[..., :12] if value.ndim else value for key, value in state.items()}, "needs"),
        (lambda state: {"something": torch.zeros(3)}, "no known source"),
    ],
    ids=["a block is missing", "another width", "another file"],
)
def test_an_encoder_that_does_not_fit(change, expected, phantoms, pretrained, tmp_path):
    state = {key: value.contiguous() for key, value in change(load_file(pretrained[0])).items()}
    save_file(state, tmp_path / "encoder.safetensors")
    message = train(tmp_path, dataset_dir=phantoms, pretrained_encoder=tmp_path / "encoder.safetensors")
    assert str(tmp_path / "encoder.safetensors") in message
    assert expected in message


def test_a_workflow_can_still_be_made_with_a_missing_checkpoint():
    """A server makes all its bundles at the start: a missing file is an error of the run."""
    parser = workflow("brats_lora", "inference", ckpt_path="/no/such/model.pt", **INFERRING).parser
    assert parser.get_parsed_content("evaluator") is not None
