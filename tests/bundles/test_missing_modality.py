"""Cases without some of their channels, from training to label maps, by knobs alone."""

from __future__ import annotations

import json
import logging

import nibabel
import numpy as np
import pytest

from tests.bundles.runs import INFERRING, TRAINING, outputs, refusal, run, save_volume, weights

ENDINGS = ("flair", "t1", "t1ce", "t2")


@pytest.fixture(scope="module")
def folders(phantoms, tmp_path_factory):
    """BraTS folders of one phantom: A lacks T1gd, B is whole."""
    image = nibabel.load(phantoms / "imagesTr" / "BRATS_001.nii.gz")
    root = tmp_path_factory.mktemp("folders")
    for case in ("A", "B"):
        for index, ending in enumerate(ENDINGS):
            if (case, ending) != ("A", "t1ce"):
                voxels = np.asarray(image.dataobj)[..., index]
                save_volume(root / case / f"{case}_{ending}.nii.gz", voxels, image.affine)
    return root


def infer(folders, trained, out, **knobs) -> dict[str, np.ndarray]:
    places = {"dataset_dir": folders, "output_dir": out, "ckpt_path": trained / "models" / "model.pt"}
    run("brats_lora", "inference", **places, **INFERRING, save_probabilities=True, **knobs)
    return {path.name: np.asarray(nibabel.load(path).dataobj) for path in sorted(out.glob("*.nii.gz"))}


def test_a_case_without_a_channel_is_a_warning_and_a_result(folders, trained, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "segpeft"):
        found = infer(folders, trained, tmp_path, allow_missing=True)
    assert sorted(name for name in found if "seg" in name) == ["A_seg.nii.gz", "B_seg.nii.gz"]
    lines = [record.getMessage() for record in caplog.records if "goes on" in record.getMessage()]
    assert lines == ["case A: has no T1gd: goes on without it (knob allow_missing)"]
    without = infer(folders, trained, tmp_path / "used", allow_missing=True, channels_used=["FLAIR", "T1w", "T2w"])
    np.testing.assert_array_equal(without["B_probabilities.nii.gz"], found["A_probabilities.nii.gz"])
    assert not np.array_equal(found["A_probabilities.nii.gz"], found["B_probabilities.nii.gz"])


def test_without_the_knob_it_is_an_error(folders, trained, tmp_path):
    assert "A_t1ce.nii.gz" in refusal(infer, folders, trained, tmp_path)


def test_an_unknown_channel_is_refused(folders, trained, tmp_path):
    assert "channels_used is ['PET']" in refusal(infer, folders, trained, tmp_path, channels_used=["PET"])


def test_training_with_channel_dropout_differs_and_evaluates_on_a_subset(phantoms, trained, tmp_path):
    knobs = {**TRAINING, **outputs(tmp_path), "dataset_dir": phantoms, "cache_dir": trained / "cache"}
    run("brats_lora", "train", run_id="training", **{**knobs, "channel_dropout": 0.5})
    plain, dropped = (weights(folder / "models" / "model.pt") for folder in (trained, tmp_path))
    assert not all(bool((plain[name] == dropped[name]).all()) for name in plain)
    subset = {"channels_used": ["T1gd"], "calibration": True, "output_dir": tmp_path / "evaluation"}
    run("brats_lora", "train", "evaluate", run_id="evaluating", **{**knobs, **subset})
    summary = json.loads((tmp_path / "evaluation" / "cases_summary.json").read_text())
    assert set(summary) == {"dice", "hd95", "ece"}
    assert 0 < summary["ece"]["mean"]["mean"] < 1
    assert (tmp_path / "evaluation" / "cases.csv").read_text().startswith("case,region,dice,hd95,ece,truth_voxels")
