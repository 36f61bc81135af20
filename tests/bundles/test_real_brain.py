"""A real four-channel brain MR through training, evaluation and inference, by overrides alone.

`SEGPEFT_DATA` names a folder with `open_ms`: two patients, four sequences a folder, a consensus of lesions.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.bundles.runs import INFERRING, TRAINING, outputs, run

DATA = Path(os.environ.get("SEGPEFT_DATA", "/no/such/folder")) / "open_ms"
LESIONS = {
    "dataset_dir": str(DATA),
    "channel_files": {"FLAIR": "FLAIR.nii.gz", "T1w": "T1.nii.gz", "T1gd": "T1POST.nii.gz", "T2w": "T2.nii.gz"},
    "label_scheme": {"name": "lesion", "regions": {"lesion": [1]}},
}
LARGE = {"image_size": [64, 64, 64], "overlap": 0.1}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="SEGPEFT_DATA names no folder with open_ms"),
]


@pytest.fixture(scope="module")
def lesion_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesions")
    knobs = {**TRAINING, **LARGE, **LESIONS, "folds": 2, "epochs": 2, "val_interval": 2}
    run("brats_lora", "train", label_file="GOLD_STANDARD.nii.gz", **knobs, **outputs(folder))
    return folder / "models" / "model.pt"


def test_training_takes_two_steps(lesion_model):
    assert lesion_model.is_file()


def test_evaluation(lesion_model, tmp_path):
    knobs = {**TRAINING, **LARGE, **LESIONS, "section": "all", "ckpt_path": lesion_model}
    run("brats_lora", "train", "evaluate", label_file="GOLD_STANDARD.nii.gz", output_dir=tmp_path, **knobs)
    with (tmp_path / "cases.csv").open(newline="") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == ["patient07", "patient19"]
    for case, row in rows.items():
        truth = np.asarray(nibabel.load(DATA / case / "GOLD_STANDARD.nii.gz").dataobj)
        assert row["region"] == "lesion"
        assert int(row["truth_voxels"]) == np.sum(truth == 1)


def test_inference(lesion_model, tmp_path):
    run("brats_lora", "inference", output_dir=tmp_path, ckpt_path=lesion_model, **{**INFERRING, **LARGE, **LESIONS})
    for case in ("patient07", "patient19"):
        given, found = nibabel.load(DATA / case / "FLAIR.nii.gz"), nibabel.load(tmp_path / f"{case}_seg.nii.gz")
        assert found.shape == given.shape
        assert nibabel.aff2axcodes(found.affine) == ("L", "A", "S")
        np.testing.assert_allclose(found.affine, given.affine, atol=1e-4)
        assert set(np.unique(np.asarray(found.dataobj))) <= {0, 1}
