"""The brain phantom: anatomy, and that no channel alone is enough for the labels."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import rankdata

from segpeft.data.phantoms.brain import CHANNELS, brain_case
from segpeft.data.phantoms.case import PhantomCase

SHAPE = (40, 40, 28)
FLAIR, T1W, T1GD, T2W = range(4)
OEDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    """24 cases of seed 0."""
    return [brain_case(SHAPE, 0, index) for index in range(24)]


@pytest.fixture(scope="module")
def fine() -> PhantomCase:
    """Case 1 of seed 3 on a grid three times as fine."""
    return brain_case((120, 120, 84), 3, 1)


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a voxel of the first set is brighter than one of the second."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def mean_auc(
    cases: list[PhantomCase], channel: int, pick: Callable[[PhantomCase], tuple[np.ndarray, np.ndarray]]
) -> float:
    scores = []
    for case in cases:
        first, second = pick(case)
        if first.any() and second.any():
            scores.append(auc(case.image[channel][first], case.image[channel][second]))
    assert len(scores) >= 12
    return float(np.mean(scores))


def test_labels_are_nested_inside_the_brain(cases: list[PhantomCase]) -> None:
    assert set(np.unique([case.label for case in cases])) == {0, OEDEMA, NON_ENHANCING, ENHANCING}
    for case in cases:
        assert case.image.dtype == np.int16
        assert case.label.dtype == np.uint8
        brain = (case.image > 0).all(axis=0)
        assert np.array_equal(brain, (case.image > 0).any(axis=0)), "all channels share one mask"
        assert (case.image[:, ~brain] == 0).all()
        assert not brain[0].any()
        assert not brain[:, 0].any()
        assert 0.1 < brain.mean() < 0.25
        whole, core = case.label > 0, case.label >= NON_ENHANCING
        assert brain[whole].all()
        assert 0.002 < whole.sum() / brain.sum() < 0.2
        assert 0.03 < core.sum() / whole.sum() < 0.7
        assert (case.label == OEDEMA).any()
        assert (case.label == NON_ENHANCING).any()


def test_rim_lies_around_the_core_and_oedema_around_both(cases: list[PhantomCase]) -> None:
    with_rim = 0
    for case in cases:
        centre = np.argwhere(case.label >= NON_ENHANCING).mean(axis=0)
        radius = [
            np.linalg.norm(np.argwhere(case.label == k) - centre, axis=1).mean()
            for k in (1, 2, 3)
            if (case.label == k).any()
        ]
        assert radius[0] > max(radius[1:])
        if len(radius) == 3:
            assert radius[2] > radius[1]
            with_rim += 1
    assert with_rim >= 12


def test_some_cases_do_not_enhance(cases: list[PhantomCase]) -> None:
    without = sum(not (case.label == ENHANCING).any() for case in cases)
    assert 1 <= without <= 8


def test_intensities_are_scaled_a_case_and_a_channel(cases: list[PhantomCase]) -> None:
    peaks = np.array([[channel.max() for channel in case.image] for case in cases])
    assert peaks.min() > 350
    assert peaks.max() < 5000
    assert (peaks.max(axis=0) / peaks.min(axis=0) > 1.8).all()
    ratios = np.log(peaks / peaks.mean(axis=1, keepdims=True))
    assert (ratios.std(axis=0) > 0.05).all()


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.4, 0.6), (T1W, 0.4, 0.6), (T1GD, 0.9, 1.0), (T2W, 0.4, 0.6)],
    ids=CHANNELS,
)
def test_enhancing_rim_shows_in_t1gd_alone(cases: list[PhantomCase], channel: int, low: float, high: float) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label == ENHANCING, case.label == NON_ENHANCING))
    assert low <= score <= high


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.9, 1.0), (T1W, 0.2, 0.8), (T1GD, 0.2, 0.8), (T2W, 0.2, 0.8)],
    ids=CHANNELS,
)
def test_oedema_shows_in_flair_alone(cases: list[PhantomCase], channel: int, low: float, high: float) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label == OEDEMA, (case.label == 0) & (case.image[0] > 0)))
    assert low <= score <= high


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [(FLAIR, 0.35, 0.65), (T1W, 0.0, 0.1), (T2W, 0.9, 1.0)],
    ids=["FLAIR", "T1w", "T2w"],
)
def test_core_differs_from_oedema_but_not_in_flair(
    cases: list[PhantomCase], channel: int, low: float, high: float
) -> None:
    score = mean_auc(cases, channel, lambda case: (case.label >= NON_ENHANCING, case.label == OEDEMA))
    assert low <= score <= high


@pytest.mark.parametrize(("channel", "inside"), [(FLAIR, OEDEMA), (T1GD, ENHANCING)], ids=["caps", "vessels"])
def test_decoys_are_as_bright_as_tumour(fine: PhantomCase, channel: int, inside: int) -> None:
    bright = fine.image[channel] > 0.9 * np.median(fine.image[channel][fine.label == inside])
    decoys = bright & (fine.label == 0)
    assert 50 < decoys.sum() < 0.5 * (fine.label > 0).sum()


def test_finer_grid_shows_the_same_patient(fine: PhantomCase) -> None:
    coarse = brain_case(SHAPE, 3, 1)
    assert np.allclose(np.diag(coarse.affine)[:3], 3 * np.diag(fine.affine)[:3])

    def pooled(volume: np.ndarray) -> np.ndarray:
        return volume.reshape(40, 3, 40, 3, 28, 3).mean(axis=(1, 3, 5))

    label = np.stack([pooled(fine.label == k) for k in range(4)]).argmax(axis=0)
    for k in (OEDEMA, NON_ENHANCING, ENHANCING):
        assert (label == k).sum() > 10
        assert 2 * ((label == k) & (coarse.label == k)).sum() / ((label == k).sum() + (coarse.label == k).sum()) > 0.7
    brain = pooled(fine.image[0] > 0) > 0.5
    assert (brain == (coarse.image[0] > 0)).mean() > 0.98
    for channel in range(4):
        assert np.corrcoef(pooled(fine.image[channel])[brain], coarse.image[channel][brain])[0, 1] > 0.85
