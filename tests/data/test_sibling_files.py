"""Channels that lie in folders beside the first: a server hands over one path a case."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from segpeft.data.checks import CheckImaged
from segpeft.data.loading import LoadVolumed
from segpeft.data.prepared import PreparedDataset
from segpeft.data.preprocess import preprocessing
from segpeft.data.presence import PRESENT
from segpeft.data.provenance import ABSENT
from segpeft.data.sibling_files import with_siblings
from segpeft.errors import InputError
from tests.data.conftest import CHANNELS, brain_image, brain_label, write

AFFINE = np.diag([-1.0, 1.0, 1.5, 1.0])


@pytest.fixture
def study(tmp_path: Path) -> dict[str, str]:
    """One case as MONAI Label keeps it: the first channel, the others in folders, and a label."""
    image = brain_image()
    for index, channel in enumerate(CHANNELS):
        folder = tmp_path / "studies" / ("" if index == 0 else channel)
        write(folder / "P1.nii.gz", image[..., index], AFFINE)
    label = write(tmp_path / "studies" / "labels" / "final" / "P1.nii.gz", brain_label(), AFFINE)
    return {"image": str(tmp_path / "studies" / "P1.nii.gz"), "label": label}


def test_files_beside_the_first_are_stacked_in_channel_order(study):
    loaded = LoadVolumed(["image", "label"], channels=CHANNELS)(study)
    np.testing.assert_array_equal(loaded["image"].numpy(), np.moveaxis(brain_image(), -1, 0))
    assert loaded["label"].shape == (1, *brain_label().shape)


def test_without_names_of_channels_nothing_is_looked_for(study):
    assert LoadVolumed(["image"])(study)["image"].shape[0] == 1


def test_one_4d_file_may_lie_in_the_same_folder(study, tmp_path):
    path = write(tmp_path / "studies" / "P2.nii.gz", brain_image(seed=2), AFFINE)
    loaded = LoadVolumed("image", channels=CHANNELS)({"image": path})["image"]
    np.testing.assert_array_equal(loaded.numpy(), np.moveaxis(brain_image(seed=2), -1, 0))


def test_a_list_of_files_is_taken_as_it_is(study):
    files = [study["image"]] * 4
    assert with_siblings(files, CHANNELS) is files


def test_a_missing_file_is_named_with_one_that_is_there(study, tmp_path):
    (tmp_path / "studies" / "T1gd" / "P1.nii.gz").unlink()
    with pytest.raises(InputError, match=r"T1gd.P1\.nii\.gz: no such file; .*T1w.P1\.nii\.gz is there"):
        LoadVolumed("image", channels=CHANNELS)(study)
    assert with_siblings(study["image"], CHANNELS, allow_missing=True)[2] == ABSENT


def test_without_any_file_the_layout_is_explained(study, tmp_path):
    for channel in CHANNELS[1:]:
        shutil.rmtree(tmp_path / "studies" / channel)
    with pytest.raises(InputError, match=r"has 1 channels; expected 4 \(FLAIR, .* in the folders T1w/, T1gd/, T2w/"):
        CheckImaged("image", CHANNELS)(LoadVolumed("image", channels=CHANNELS)(study))


def test_a_missing_channel_is_absent_where_that_is_allowed(study, tmp_path):
    (tmp_path / "studies" / "T2w" / "P1.nii.gz").unlink()
    case = preprocessing("image", CHANNELS, allow_missing=True)(study)
    assert case[PRESENT].tolist() == [1, 1, 1, 0]


def test_a_prepared_case_is_made_anew_when_a_file_beside_the_first_changed(study, tmp_path):
    def prepared() -> float:
        steps = preprocessing(("image", "label"), CHANNELS, label_scheme="msd")
        cases = PreparedDataset([study], steps, tmp_path / "cache", workers=0, progress=False)
        cases.prepare()
        return float(cases[0]["image"][2].sum())

    before = prepared()
    write(tmp_path / "studies" / "T1gd" / "P1.nii.gz", brain_image(seed=9)[..., 2], AFFINE)
    assert prepared() != before
