"""Label maps that cannot be used: training refuses them before it starts, evaluation does the other cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.bundles.runs import TRAINING, Volume, outputs, refusal, run, save_volume


def unknown_value(label: np.ndarray, affine: np.ndarray) -> Volume:
    return np.where(label == 3, 4, label).astype(np.uint8), affine


def fraction(label: np.ndarray, affine: np.ndarray) -> Volume:
    return np.where(label == 3, 2.5, label).astype(np.float32), affine


def other_grid(label: np.ndarray, affine: np.ndarray) -> Volume:
    return label[1:], affine


def other_place(label: np.ndarray, affine: np.ndarray) -> Volume:
    moved = affine.copy()
    moved[0, 3] += 30
    return label, moved


def four_channels(label: np.ndarray, affine: np.ndarray) -> Volume:
    return np.stack([label] * 4, -1), affine


WRONG_LABELS = {
    unknown_value: ("label values 4", "allows (0, 1, 2, 3)"),
    fraction: ("label values 2.5", "allows (0, 1, 2, 3)"),
    other_grid: ("(31, 32, 24)", "expected (32, 32, 24)"),
    other_place: ("affine", "expected"),
    four_channels: ("4 channels", "expected 1"),
}


@pytest.fixture
def labelled(phantoms, tmp_path) -> Callable[[Callable[..., Volume] | None], Path]:
    """Makes a data set of four cases whose second label is changed, or missing."""

    def make(change: Callable[..., Volume] | None) -> Path:
        image = nibabel.load(phantoms / "labelsTr" / "BRATS_002.nii.gz")
        broken = tmp_path / "data" / "broken.nii.gz"
        if change is not None:
            save_volume(broken, *change(np.asarray(image.dataobj), image.affine))
        listed = []
        for index in range(1, 5):
            name = f"BRATS_00{index}.nii.gz"
            label = str(broken if index == 2 else phantoms / "labelsTr" / name)
            fold = {"fold": index % 2}
            listed.append({"case": name[:9], "image": str(phantoms / "imagesTr" / name), "label": label, **fold})
        broken.parent.mkdir(exist_ok=True)
        (broken.parent / "list.json").write_text(json.dumps({"training": listed}))
        return broken.parent / "list.json"

    return make


@pytest.mark.parametrize("fold", [0, 1], ids=["validation case", "training case"])
@pytest.mark.parametrize("change", WRONG_LABELS, ids=lambda change: change.__name__)
def test_training_refuses_a_wrong_label_before_it_starts(change, fold, labelled, tmp_path):
    knobs = {**TRAINING, "folds": 2, "fold": fold, "dataset_dir": labelled(change)}
    message = refusal(run, "brats_lora", "train", **knobs, **outputs(tmp_path))
    words = (str(tmp_path / "data" / "broken.nii.gz"), *WRONG_LABELS[change])
    assert not [word for word in words if word not in message]
    assert not (tmp_path / "models").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", [unknown_value, other_grid, None], ids=["unknown value", "other grid", "missing"])
def test_evaluation_does_the_other_cases(change, labelled, trained, tmp_path):
    knobs = {**TRAINING, "section": "all", "dataset_dir": labelled(change), "model_dir": trained / "models"}
    message = refusal(run, "brats_lora", "train", "evaluate", output_dir=tmp_path / "out", **knobs)
    assert "1 of 4 cases" in message
    assert "broken.nii.gz" in message
    lines = (tmp_path / "out" / "cases.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * 3
    assert not any("BRATS_002" in line for line in lines)


def test_float_noise_in_a_label_is_no_error(labelled, tmp_path):
    dataset = labelled(lambda label, affine: ((label * 0.99999997).astype(np.float32), affine))
    knobs = {**TRAINING, "folds": 2, "epochs": 1, "dataset_dir": dataset}
    run("brats_lora", "train", **knobs, **outputs(tmp_path))
    assert (tmp_path / "models" / "model.pt").is_file()
