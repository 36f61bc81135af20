"""The round trip on a real MONAI Label server, and what its checks see without one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from benchmarks.monai_label.answers import check_answer, differing_voxels
from benchmarks.monai_label.round_trip import round_trip
from benchmarks.monai_label.server import LABEL_ENV, python_of
from benchmarks.monai_label.soak import soak
from benchmarks.monai_label.studies import POSES, Study, write_studies
from benchmarks.monai_label.subjects import BRATS, KITS, PROSTATE, SUBJECTS
from segpeft.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, list[Study]]:
    folder = tmp_path_factory.mktemp("made")
    subject = replace(PROSTATE, phantom=("prostate", "--layout", "series", "--shape", "24", "24", "8"))
    return folder, write_studies(subject, folder / "studies", folder)


def answered(study: Study, folder: Path, voxels: np.ndarray | None = None, affine: np.ndarray | None = None) -> Path:
    """A server's answer: the truth, or other voxels, or the truth in another place."""
    truth = nibabel.load(study.label)
    path = folder / "answer.nii.gz"
    voxels = np.asarray(truth.dataobj) if voxels is None else voxels
    nibabel.save(nibabel.Nifti1Image(voxels, truth.affine if affine is None else affine), path)
    return path


@pytest.mark.parametrize("index", range(4), ids=[pose.name for pose in POSES])
def test_the_truth_passes_and_its_flips_do_not(made, tmp_path, index):
    study = made[1][index]
    assert check_answer(answered(study, tmp_path), study, 0.9)["dice"] == 1
    truth = np.asarray(nibabel.load(study.label).dataobj)
    for axis in range(3):
        with pytest.raises(InputError, match="flipped along an axis"):
            check_answer(answered(study, tmp_path, np.flip(truth, axis)), study, 0.0)


def test_an_answer_elsewhere_or_of_another_type_is_refused(made, tmp_path):
    study = made[1][1]
    truth = nibabel.load(study.label)
    with pytest.raises(InputError, match="expected uint8 of .* in the same place"):
        check_answer(answered(study, tmp_path, affine=truth.affine @ np.diag([-1, 1, 1, 1])), study, 0.5)
    with pytest.raises(InputError, match="expected uint8"):
        check_answer(answered(study, tmp_path, np.asarray(truth.dataobj).astype(np.float32)), study, 0.5)


def test_studies_lie_as_their_poses_say(made):
    for study in made[1]:
        image = nibabel.load(study.images[0])
        assert "".join(nibabel.aff2axcodes(image.affine)) == study.pose.axes
        assert nibabel.load(study.label).shape == image.shape[:3]
        assert len(study.images) == (2 if study.pose.files else 1)
    channel = made[0] / "studies" / "ADC" / made[1][3].images[0].name
    assert made[1][3].images[1] == channel
    assert nibabel.load(channel).shape != nibabel.load(made[1][3].images[0]).shape


def test_differing_voxels_are_counted(made, tmp_path):
    study = made[1][0]
    voxels = np.array(nibabel.load(study.label).dataobj)
    voxels[0, 0, :2] += 1
    assert differing_voxels(answered(study, tmp_path, voxels), study.label) == 2


def test_a_folder_without_monai_label_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no Python with MONAI Label"):
        python_of(tmp_path)


@pytest.fixture(scope="module")
def python() -> Path:
    if LABEL_ENV not in os.environ:
        pytest.skip(f"{LABEL_ENV} is not set, see docs/monai-label.md")
    return python_of(Path(os.environ[LABEL_ENV]))


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("label")


@pytest.mark.label
@pytest.mark.parametrize("packed", [False, True], ids=["installed", "packed"])
@pytest.mark.parametrize("bundle", SUBJECTS)
def test_round_trip(bundle, packed, python, work):
    found = round_trip(SUBJECTS[bundle], python, work, packed)
    assert len(found["infer"]) == 4
    assert found["training"]["status"] == found["scoring"]["status"] == "DONE"


@pytest.mark.label
@pytest.mark.parametrize("packed", [False, True], ids=["installed", "packed in two versions"])
def test_two_bundles_in_one_server_answer_right_and_keep_their_memory(packed, python, work):
    found = soak([BRATS, KITS], python, work, calls=60, clients=8, packed=packed)
    assert found["in_a_row"]["wrong"] == found["at_once"]["wrong"] == 0
    assert found["in_a_row"]["growth"] < 0.05
