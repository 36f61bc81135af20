"""The pipeline on real volumes, where `SEGPEFT_DATA` names a folder with `open_ms` and `Task04_Hippocampus`."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.data import MetaTensor
from monai.transforms import Invertd

from segpeft.data.case_list import CaseList
from segpeft.data.preprocess import preprocessing

DATA = Path(os.environ.get("SEGPEFT_DATA", "/no/such/folder"))
FILES = {"FLAIR": "FLAIR.nii.gz", "T1w": "T1.nii.gz", "T1gd": "T1POST.nii.gz", "T2w": "T2.nii.gz"}


@pytest.mark.skipif(not (DATA / "open_ms").is_dir(), reason="SEGPEFT_DATA names no folder with open_ms")
def test_four_files_with_negative_brain_and_background():
    items = CaseList(DATA / "open_ms", "all", channel_files=FILES, label_file="GOLD_STANDARD.nii.gz")
    transform = preprocessing(("image", "label"), label_scheme={"name": "lesion", "regions": {"lesion": [1]}})
    case = transform(items[0])
    source = nibabel.load(items[0]["label"])
    brain = (case["image"] != 0).any(0)
    assert 1.0e6 < int(brain.sum()) < 1.3e6  # mm^3 of a brain within a mask that covers 16 % of the volume
    assert int(case["label"].sum()) == int((np.asarray(source.dataobj) == 1).sum())
    np.testing.assert_allclose(case["image"][:, brain].mean(1), 0, atol=1e-3)
    case["pred"] = MetaTensor(case["label"].as_tensor(), affine=case["image"].affine)
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=True)(case)["pred"]
    np.testing.assert_array_equal(back[0].numpy(), np.asarray(source.dataobj))
    np.testing.assert_allclose(back.affine.numpy(), source.affine)


@pytest.mark.skipif(not (DATA / "Task04_Hippocampus").is_dir(), reason="SEGPEFT_DATA names no folder with Task04")
def test_one_channel_crops_without_a_background():
    items = CaseList(DATA / "Task04_Hippocampus", "validation", channels=("MRI",))
    scheme = {"name": "hippocampus", "regions": {"anterior": [1], "posterior": [2]}}
    case = preprocessing(("image", "label"), channels=1, label_scheme=scheme)(items[0])
    assert case["image"].shape[1:] == nibabel.load(items[0]["image"]).shape
    assert (case["label"].sum((1, 2, 3)) > 100).all()
