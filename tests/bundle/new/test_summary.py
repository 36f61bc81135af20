"""What the numbers of a data set are taken from."""

import json
from pathlib import Path

import numpy as np
import pytest

from segpeft.bundle.new.looking import sampled, seen
from segpeft.bundle.new.place import find_place
from segpeft.bundle.new.summary import summarize
from segpeft.data.layouts import Case
from segpeft.data.survey import look_at
from segpeft.errors import InputError
from tests.bundle.new.sets import write_hippocampi, write_kidneys, write_prostates
from tests.bundles.runs import save_volume

SLICES_FIRST = np.array([[0, 0, 2.0, 0], [0, 1.0, 0, 0], [-3.0, 0, 0, 0], [0, 0, 0, 1]])  # axes I, A, R


def summary_of(root: Path, *options):
    place = find_place(root, *options)
    return summarize(place, list(look_at(place.labelled, seen)))


def write_case(root, name, image, label, affine=None):
    grid = np.eye(4) if affine is None else affine
    save_volume(root / name / "T1.nii.gz", image.astype(np.float32), grid)
    save_volume(root / name / "label.nii.gz", label.astype(np.uint8), grid)


def test_spacing_and_size_count_by_direction_not_by_file_axis(tmp_path):
    image = np.zeros((8, 10, 12))
    image[2:6, 1:9, 3:10] = 5  # 4 voxels feet-head, 8 back-front, 7 left-right
    for name in ("p1", "p2"):
        write_case(tmp_path, name, image, image > 0, SLICES_FIRST)
    found = summary_of(tmp_path)
    assert found.spacing.tolist() == [[2, 1, 3]] * 2
    assert found.size.tolist() == [[7, 8, 4]] * 2


def test_the_channel_that_labels_lie_on_comes_first(tmp_path):
    found = summary_of(write_prostates(tmp_path, 3))
    assert found.channels == ("T2", "ADC")
    assert (found.own_grids, found.ct, found.cases) == (True, False, 3)


def test_how_a_label_is_stored_does_not_count(tmp_path):
    """As where a series was converted to be drawn on: the label of the second channel, from the other side."""
    for name in ("p1", "p2"):
        write_case(tmp_path, name, np.random.default_rng(0).normal(size=(4, 5, 6)), np.zeros((4, 5, 6)))
        image = np.zeros((6, 6, 6), dtype=np.float32)
        image[0] = 7
        save_volume(tmp_path / name / "T2.nii.gz", image, np.eye(4))
        flipped = np.diag([-1.0, 1, 1, 1])
        flipped[0, 3] = 5
        save_volume(tmp_path / name / "label.nii.gz", (image[::-1] > 0).astype(np.uint8), flipped)
    found = summary_of(tmp_path)
    assert found.channels == ("T2", "T1")
    assert found.inside.tolist() == [7] * 72


def test_a_ct_is_known_by_its_air_and_its_body_is_its_size(tmp_path):
    found = summary_of(write_kidneys(tmp_path, 2))
    assert found.ct
    assert (found.size < 44).all()
    assert 0 < np.median(found.inside) < 250


@pytest.mark.parametrize(("shift", "ct"), [(0, True), (1024, False)], ids=["HU", "offset"])
def test_a_ct_without_air_is_known_by_its_name(tmp_path, shift, ct):
    data = write_hippocampi(tmp_path, 3, modality={"0": "CT"})
    for path in (data / "imagesTr").iterdir():
        values = np.random.default_rng(0).normal(40 + shift, 60, (18, 26, 17))
        save_volume(path, values.astype(np.float32), np.eye(4))
    for path in (data / "labelsTr").iterdir():
        save_volume(path, np.ones((18, 26, 17), dtype=np.uint8), np.eye(4))
    found = summary_of(data)
    assert (found.ct, found.said_ct) == (ct, True)


def test_regions_with_how_often_and_how_small_they_are(tmp_path):
    image = np.random.default_rng(0).normal(size=(8, 8, 8))
    for name, size in (("p1", 2), ("p2", 4)):
        label = np.ones((8, 8, 8))
        label[:size, 0, 0] = 3 if name == "p1" else 2
        write_case(tmp_path, name, image, label)
    found = summary_of(tmp_path).regions
    assert [(region.value, region.share, region.least) for region in found] == [(1, 1, 508), (2, 0.5, 4), (3, 0.5, 2)]


def test_channels_of_a_list_that_names_none_get_numbers(tmp_path):
    entries = []
    for index in range(2):
        image = np.random.default_rng(index).normal(size=(8, 8, 8, 2)).astype(np.float32)
        save_volume(tmp_path / f"i{index}.nii.gz", image, np.eye(4))
        save_volume(tmp_path / f"l{index}.nii.gz", np.ones((8, 8, 8), dtype=np.uint8), np.eye(4))
        entries.append({"image": f"i{index}.nii.gz", "label": f"l{index}.nii.gz"})
    (tmp_path / "list.json").write_text(json.dumps({"training": entries}))
    assert summary_of(tmp_path / "list.json").channels == ("channel 1", "channel 2")
    with pytest.raises(InputError, match="1 channels are named, the files of a case hold 2"):
        summary_of(tmp_path / "list.json", ["T1"])


def test_cases_that_lack_a_channel_are_counted(tmp_path):
    root = write_prostates(tmp_path, 4)
    (root / "P2" / "ADC.nii.gz").unlink()
    found = summary_of(root)
    assert (found.lacking, found.looked, found.cases) == (1, 3, 4)


def test_labels_of_nothing_are_refused(tmp_path):
    for name in ("p1", "p2"):
        write_case(tmp_path, name, np.random.default_rng(0).normal(size=(4, 4, 4)), np.zeros((4, 4, 4)))
    with pytest.raises(InputError, match="labels of 2 cases hold nothing but 0"):
        summary_of(tmp_path)


def test_a_sample_is_spread_over_all_whole_cases():
    cases = [Case(str(index), ("x",), problem="has no T2" if index == 0 else "") for index in range(11)]
    assert [case.name for case in sampled(cases, 5)] == ["1", "3", "5", "7", "9"]
    assert len(sampled(cases, 50)) == 10
