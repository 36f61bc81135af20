"""The prostate phantom: anatomy, grids, and that T2 and ADC are needed both to tell its zones and its border."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, label, map_coordinates

from segpeft.data.phantoms import prostate
from segpeft.data.phantoms.case import PhantomCase
from segpeft.data.phantoms.prostate import SLICE_MM, SLICES, prostate_case, prostate_series

SHAPE = (64, 64, 12)
T2, ADC = 0, 1
SURROUNDINGS, PERIPHERAL, TRANSITION = 0, 1, 2
_BINS = 24


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    """20 cases of seed 0."""
    return [prostate_case(SHAPE, 0, index) for index in range(20)]


def spacing(case: PhantomCase) -> np.ndarray:
    return np.linalg.norm(case.affine[:3, :3], axis=0)


def voxels(case: PhantomCase) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, 2) relative to each channel's mean, and classes (N,), in the gland and up to 6 mm around it."""
    chosen = distance_transform_edt(case.label == 0, sampling=spacing(case)) < 6.0
    scaled = np.stack([channel / channel[channel > 0].mean() for channel in case.image], axis=-1)
    return scaled[chosen], case.label[chosen]


def balanced_accuracy(cases: list[PhantomCase], channels: list[int], classes: list[int]) -> float:
    """Mean recall of a voxel-wise Bayes classifier by histograms, made from even cases and tried on odd ones."""
    parts = [[voxels(case) for case in cases[first::2]] for first in (0, 1)]
    (train, train_class), (test, test_class) = (map(np.concatenate, zip(*part, strict=True)) for part in parts)
    edges = [np.quantile(train[:, channel], np.linspace(0, 1, _BINS + 1)[1:-1]) for channel in channels]

    def cells(features: np.ndarray) -> np.ndarray:
        binned = [np.digitize(features[:, c], edge) for c, edge in zip(channels, edges, strict=True)]
        return np.ravel_multi_index(binned, (_BINS,) * len(channels))

    found = cells(train)
    share = [np.bincount(found[train_class == k], minlength=_BINS ** len(channels)) for k in classes]
    likelihood = np.stack([(counts + 0.1) / counts.sum() for counts in share])
    said = np.array(classes)[likelihood.argmax(axis=0)][cells(test)]
    return float(np.mean([(said[test_class == k] == k).mean() for k in classes]))


def test_zones_are_where_they_belong(cases: list[PhantomCase]) -> None:
    volumes = []
    for case in cases:
        assert (case.image.dtype, case.label.dtype) == (np.int16, np.uint8)
        assert set(np.unique(case.label)) <= {0, PERIPHERAL, TRANSITION}
        volumes.append((case.label > 0).sum() * spacing(case).prod() / 1000)
        parts, count = label(case.label > 0)
        assert np.bincount(parts.ravel())[1:].max() > 0.98 * (parts > 0).sum(), count
        if (case.label == PERIPHERAL).any() and (case.label == TRANSITION).any():
            behind, front = (np.argwhere(case.label == k).mean(axis=0)[1] for k in (PERIPHERAL, TRANSITION))
            assert behind < front - 0.5, "the peripheral zone lies behind"
    assert 12 < min(volumes) < 35
    assert 45 < max(volumes) < 110


def test_some_cases_lack_a_zone(cases: list[PhantomCase]) -> None:
    without = {zone: sum(not (case.label == zone).any() for case in cases) for zone in (PERIPHERAL, TRANSITION)}
    assert 1 <= without[PERIPHERAL] <= 6
    assert 1 <= without[TRANSITION] <= 6
    assert all((case.label > 0).any() for case in cases)


def test_the_pelvis_fills_the_field_of_view(cases: list[PhantomCase]) -> None:
    for case in cases:
        assert (case.image[T2] > 0).all(), "T2 has noise where there is air"
        assert 0.0 < (case.image[ADC] == 0).mean() < 0.2, "ADC has nothing where there is air"
        assert (case.label > 0).mean() < 0.06
        assert (case.image[ADC][case.label > 0] > 0).all()


@pytest.mark.parametrize(
    ("channels", "low", "high"),
    [([T2], 0.4, 0.7), ([ADC], 0.4, 0.7), ([T2, ADC], 0.85, 1.0)],
    ids=["T2", "ADC", "both"],
)
def test_zones_need_both_channels(cases: list[PhantomCase], channels: list[int], low: float, high: float) -> None:
    assert low <= balanced_accuracy(cases, channels, [PERIPHERAL, TRANSITION]) <= high


@pytest.mark.parametrize(
    ("channels", "low", "high"),
    [([T2], 0.4, 0.75), ([ADC], 0.3, 0.6), ([T2, ADC], 0.85, 1.0)],
    ids=["T2", "ADC", "both"],
)
def test_zones_and_surroundings_need_both(
    cases: list[PhantomCase], channels: list[int], low: float, high: float
) -> None:
    assert low <= balanced_accuracy(cases, channels, [SURROUNDINGS, PERIPHERAL, TRANSITION]) <= high


@pytest.mark.parametrize(("channel", "low", "high"), [(T2, 0.85, 1.0), (ADC, 0.4, 0.65)], ids=["T2", "ADC"])
def test_the_border_of_the_peripheral_zone_shows_in_t2(
    cases: list[PhantomCase], channel: int, low: float, high: float
) -> None:
    assert low <= balanced_accuracy(cases, [channel], [SURROUNDINGS, PERIPHERAL]) <= high


def test_intensities_are_scaled_a_case_and_a_channel(cases: list[PhantomCase]) -> None:
    means = np.array([[channel.mean() for channel in case.image] for case in cases])
    assert (means.max(axis=0) / means.min(axis=0) > 1.8).all()
    assert np.log(means[:, T2] / means[:, ADC]).std() > 0.1


def test_coils_are_nearer_to_the_skin(cases: list[PhantomCase]) -> None:
    row = np.arange(SHAPE[1])[None, :, None]
    ratios = []
    for case in cases:
        fat = (case.image[ADC] > 0) & (case.image[T2] > np.quantile(case.image[T2], 0.4)) & (case.label == 0)
        edge, middle = fat & ((row < 12) | (row >= 52)), fat & (row >= 24) & (row < 40)
        ratios.append(case.image[T2][edge].mean() / case.image[T2][middle].mean())
    assert np.mean(ratios) > 1.08


def test_slices_are_the_cases_own(cases: list[PhantomCase]) -> None:
    thick = {round(SHAPE[2] * case.affine[2, 2] / SLICE_MM, 6) for case in cases}
    assert min(thick) < 14
    assert max(thick) > 20
    assert all(count in range(SLICES[0], SLICES[1] + 1) for count in thick)


def test_a_case_without_shape_has_its_own_slices_and_full_resolution(cases: list[PhantomCase]) -> None:
    case = prostate_case(None, 0, 6)
    assert case.image.shape[:3] == (2, 320, 320)
    assert np.allclose(spacing(case), (0.6, 0.6, SLICE_MM))
    assert case.label.shape[2] * SLICE_MM == pytest.approx(SHAPE[2] * cases[6].affine[2, 2])


def test_field_of_view_is_the_cases_own_whatever_the_shape() -> None:
    coarse, fine = prostate_case((32, 32, 8), 0, 3), prostate_case((96, 96, 16), 0, 3)
    extents = [np.array(case.label.shape) * spacing(case) for case in (coarse, fine)]
    assert np.allclose(*extents)
    pooled = (fine.label > 0).reshape(32, 3, 32, 3, 8, 2).mean(axis=(1, 3, 5)) > 0.5
    gland = coarse.label > 0
    assert 2 * (pooled & gland).sum() / (pooled.sum() + gland.sum()) > 0.85


def test_series_show_one_patient_on_two_grids() -> None:
    one, series = prostate_case(SHAPE, 0, 5), prostate_series(SHAPE, 0, 5)
    t2, adc = series.images
    assert np.array_equal(t2.values, one.image[T2])
    assert np.array_equal(series.label.values, one.label)
    assert np.array_equal(t2.affine, series.label.affine)
    axes = adc.affine[:3, :3] / np.linalg.norm(adc.affine[:3, :3], axis=0)
    assert np.allclose(axes.T @ axes, np.eye(3))
    assert 2.0 < np.degrees(np.arccos((np.trace(axes) - 1) / 2)) < 10.0
    assert (np.linalg.norm(adc.affine[:3, :3], axis=0) > np.linalg.norm(t2.affine[:3, :3], axis=0)).all()
    gland = np.argwhere(one.label > 0)
    world = np.c_[gland, np.ones(len(gland))] @ t2.affine.T
    resampled = map_coordinates(adc.values.astype(float), (world @ np.linalg.inv(adc.affine).T)[:, :3].T, order=1)
    unturned = map_coordinates(adc.values.astype(float), gland.T * np.array(adc.values.shape)[:, None] / np.c_[SHAPE].T)
    on_t2 = one.image[ADC][one.label > 0]
    assert np.corrcoef(resampled, on_t2)[0, 1] > max(0.8, np.corrcoef(unturned, on_t2)[0, 1] + 0.2)


def test_anatomy_and_noise_have_streams_of_their_own() -> None:
    first = {float(prostate._noise_source(0, 1, channel).random()) for channel in (T2, ADC)}
    assert len(first | {float(np.random.default_rng([0, 1]).random())}) == 3
