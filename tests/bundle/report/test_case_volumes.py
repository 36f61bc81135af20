import shutil

import nibabel
import numpy as np
import pytest
import torch

from segpeft.bundle.report.case_volumes import read_case
from segpeft.bundle.report.evaluation import read_evaluation
from segpeft.errors import InputError
from tests.bundle.report.evaluations import SCHEME, label_map, write_evaluation, write_record, write_volume

SHIFT = 2


@pytest.fixture
def folder(tmp_path):
    return write_evaluation(tmp_path / "evaluation", {"a": 0.5}, tmp_path / "data", SHIFT)


def read(folder, channel=0):
    return read_case("a", [read_evaluation(folder, "it")], channel)


def files(folder, image, label):
    write_record(folder, data={"evaluation": [{"case": "a", "image": image, "label": str(label)}]})


def test_one_case(folder):
    case = read(folder)
    assert case.regions == ("organ", "lesion")
    assert torch.equal(case.truth[0], torch.as_tensor(label_map() > 0))
    assert torch.equal(case.predictions["it"][1], torch.as_tensor(label_map(SHIFT) == 2))
    assert case.image.shape == (24, 20, 10)
    assert case.spacing == (1, 1, 1)


def test_files_of_other_orientations_come_together(folder, tmp_path):
    expected = read(folder)
    path = folder / "labels" / "a_seg.nii.gz"
    stored = nibabel.load(path)
    nibabel.save(stored.as_reoriented(np.array([[1, -1], [0, 1], [2, -1]])), path)
    assert torch.equal(read(folder).predictions["it"], expected.predictions["it"])


@pytest.mark.parametrize("channel", [0, 1])
def test_channels_in_one_file(folder, tmp_path, channel):
    voxels = np.stack([np.full((24, 20, 10), value, np.float32) for value in (3, 4)], -1)
    files(folder, str(write_volume(tmp_path / "both.nii.gz", voxels)), tmp_path / "data" / "label0.nii.gz")
    assert read(folder, channel).image.unique().tolist() == [3 + channel]


def test_channels_in_files_of_their_own_grids(folder, tmp_path):
    one = write_volume(tmp_path / "one.nii.gz", np.full((24, 20, 10), 3, np.float32))
    other = write_volume(tmp_path / "other.nii.gz", np.full((12, 10, 5), 4, np.float32), (2, 2, 2))
    files(folder, [str(one), str(other)], tmp_path / "data" / "label0.nii.gz")
    assert read(folder, 1).image.shape == (24, 20, 10)
    assert read(folder, 1).image.unique().tolist() == [4]


@pytest.mark.parametrize(
    ("images", "channel", "message"),
    [
        pytest.param(["image0.nii.gz"], 1, "has 1 channels", id="one-file"),
        pytest.param(["image0.nii.gz", "image0.nii.gz"], 2, "there is none with index 2", id="files"),
        pytest.param(["image0.nii.gz", ""], 1, "no file of the channel with index 1", id="absent"),
        pytest.param(["gone.nii.gz"], 0, "no such file", id="missing"),
        pytest.param([], 0, "names no image", id="none"),
    ],
)
def test_images_that_cannot_be_shown(folder, tmp_path, images, channel, message):
    files(folder, [image and str(tmp_path / "data" / image) for image in images], tmp_path / "data" / "label0.nii.gz")
    with pytest.raises(InputError, match=message):
        read(folder, channel)


def test_a_prediction_on_another_grid_is_told(folder):
    write_volume(folder / "labels" / "a_seg.nii.gz", label_map(), (1, 1, 2))
    assert "affine entry [2, 2] = 2, expected 1" in read(folder).predictions["it"]


def test_a_missing_prediction_is_told(folder):
    shutil.rmtree(folder / "labels")
    assert read(folder).predictions == {"it": "no file labels/a_seg.nii.gz"}


def test_a_damaged_prediction_is_told(folder):
    path = folder / "labels" / "a_seg.nii.gz"
    path.write_bytes(path.read_bytes()[:60])
    assert "cannot be read" in read(folder).predictions["it"]


def test_a_value_outside_the_scheme_is_told(folder):
    write_volume(folder / "labels" / "a_seg.nii.gz", label_map() * 3)
    assert "label values 3, 6 are not in scheme" in read(folder).predictions["it"]


def test_a_case_that_no_record_names(folder):
    write_record(folder)
    with pytest.raises(InputError, match="no record.json names"):
        read(folder)


@pytest.mark.parametrize("scheme", [None, "$open('x')", {"regions": 3}], ids=["none", "expression", "broken"])
def test_a_scheme_that_is_not_known(folder, tmp_path, scheme):
    record = [{"case": "a", "image": str(tmp_path / "data" / "image0.nii.gz"), "label": "x"}]
    write_record(folder, config={"label_scheme": scheme}, data={"evaluation": record})
    with pytest.raises(InputError, match="label_scheme"):
        read(folder)


def test_a_scheme_written_as_an_object(folder, tmp_path):
    record = [{"case": "a", "image": str(tmp_path / "data" / "image0.nii.gz")}]
    record[0]["label"] = str(tmp_path / "data" / "label0.nii.gz")
    write_record(folder, config={"label_scheme": {"_target_": "x", **SCHEME}}, data={"evaluation": record})
    assert read(folder).regions == ("organ", "lesion")
