"""A look at a data set: facts of good files, words about bad ones, the same from several processes."""

import gzip

import numpy as np
import pytest

from segpeft.data.datalist import find_cases
from segpeft.data.layouts import CHANNELS, Case
from segpeft.data.survey import case_facts, look_at, open_case

SHAPE = (7, 6, 5)


def volume(low: float = 1, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.arange(low, low + np.prod(shape), dtype=np.float32).reshape(shape)


def facts_of(tmp_path, write_nifti, image: np.ndarray, label: np.ndarray | None = None, affine=None):
    path = write_nifti(tmp_path / "image.nii.gz", image, affine)
    drawn = None if label is None else write_nifti(tmp_path / "label.nii.gz", label, affine)
    return case_facts(open_case(Case("one", (path,), drawn)))


def test_facts_of_a_set(msd_folder):
    cases = find_cases(msd_folder, CHANNELS)
    facts = list(look_at(cases))
    assert [fact.name for fact in facts] == [case.name for case in cases]
    assert [fact.section for fact in facts].count("test") == 1
    first = facts[0]
    assert first.problems == ()
    assert [channel.grid.shape for channel in first.channels] == [(14, 12, 10)] * 4
    assert dict(first.label.counts).keys() == {0, 1, 2, 3}
    assert sum(count for _, count in first.label.counts) == 14 * 12 * 10
    assert len({channel.digest for fact in facts for channel in fact.channels}) == 4 * len(cases)


def test_several_processes_find_the_same(msd_folder):
    cases = find_cases(msd_folder, CHANNELS)
    assert list(look_at(cases, workers=2)) == list(look_at(cases))


def test_grid(tmp_path, write_nifti):
    affine = np.array([[0, -2, 0, 9], [3, 0, 0, 8], [0, 0, 4, 7], [0, 0, 0, 1]], dtype=float)
    grid = facts_of(tmp_path, write_nifti, volume(), affine=affine).channels[0].grid
    assert grid.spacing == pytest.approx((3, 2, 4))
    assert grid.axes == "ALS"
    assert np.array(grid.affine) == pytest.approx(affine)


def test_intensities_without_those_that_are_not_finite(tmp_path, write_nifti):
    image = volume()
    image[3, 3, 3], image[4, 4, 4] = np.nan, np.inf
    label = np.zeros(SHAPE, np.uint8)
    label[3, 3, 2:4] = 1
    channel = facts_of(tmp_path, write_nifti, image, label).channels[0]
    assert (channel.low, channel.high, channel.non_finite, channel.constant) == (1, 210, 2, False)
    assert channel.percentiles == pytest.approx(np.percentile(image[np.isfinite(image)], (0.5, 50, 99.5)))
    assert channel.inside == (image[3, 3, 2],)


@pytest.mark.parametrize("value", [0, -5], ids=["zero", "other"])
def test_a_constant_channel(tmp_path, write_nifti, value):
    image = np.stack([volume(), np.full(SHAPE, value, np.float32)], axis=-1)
    first, second = facts_of(tmp_path, write_nifti, image).channels
    assert not first.constant
    assert second.constant
    assert second.low == value


def test_values_of_a_label(tmp_path, write_nifti):
    label = np.zeros(SHAPE, np.float32)
    label[0, 0, :3] = 0.99999997, 7, 1.5
    found = facts_of(tmp_path, write_nifti, volume(), label).label
    assert found.counts == ((0, 207), (1, 1), (7, 1))
    assert found.odd == (1.5,)


def test_files_that_cannot_be_read_are_told_and_the_others_looked_at(tmp_path, write_nifti):
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(gzip.compress(b"x" * 5000)[:20])
    good = write_nifti(tmp_path / "good.nii.gz", volume())
    broken = Case("broken", (str(cut), good), str(tmp_path / "none.nii.gz"))
    facts, other = look_at([broken, Case("whole", (good,))])
    assert [line.split(":")[0] for line in facts.problems] == [str(cut), broken.label]
    assert facts.channels[0].grid is None
    assert facts.channels[1].grid.shape == SHAPE
    assert facts.label.grid is None
    assert other.problems == ()


def test_a_label_of_several_channels_is_told(tmp_path, write_nifti):
    facts = facts_of(tmp_path, write_nifti, volume(), np.ones((*SHAPE, 2), np.uint8))
    assert "label has 2 channels; expected 1" in facts.problems[0]


def test_equal_volumes_have_equal_digests(tmp_path, write_nifti):
    flat = volume(shape=(7, 30))[..., None]
    digests = [
        case_facts(open_case(Case("one", (write_nifti(tmp_path / f"{index}.nii.gz", image),)))).channels[0].digest
        for index, image in enumerate([volume(), volume(), volume(2), flat])
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
