"""The abdomen phantom: anatomy in world coordinates, protocols, and that HU alone do not tell the tumour."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt, label

from segpeft.data.phantoms import abdomen
from segpeft.data.phantoms.abdomen import abdomen_case
from segpeft.data.phantoms.abdomen_tissue import PHASES, TUMOUR_KINDS, Kind, draw_hounsfield
from segpeft.data.phantoms.case import PhantomCase, source_of_case
from segpeft.data.phantoms.ct_physics import MATRIX, PIXEL, THICKNESS

SHAPE = (56, 56, 28)
KIDNEY, TUMOUR = 1, 2
_BINS = 24


@pytest.fixture(scope="module")
def cases() -> list[PhantomCase]:
    """16 cases of seed 0."""
    return [abdomen_case(SHAPE, 0, index) for index in range(16)]


def spacing(case: PhantomCase) -> np.ndarray:
    return np.linalg.norm(case.affine[:3, :3], axis=0)


def world(case: PhantomCase, mask: np.ndarray) -> np.ndarray:
    """Mean position of a mask in RAS mm."""
    return case.affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + case.affine[:3, 3]


def millilitres(case: PhantomCase, mask: np.ndarray) -> float:
    return float(mask.sum() * spacing(case).prod() / 1000)


def test_kidneys_and_tumours_have_the_sizes_of_kits19(cases: list[PhantomCase]) -> None:
    tumours = []
    for case in cases:
        assert (case.image.dtype, case.label.dtype, case.image.shape[0]) == (np.int16, np.uint8, 1)
        assert set(np.unique(case.label)) <= {0, KIDNEY, TUMOUR}
        assert 60 < millilitres(case, case.label == KIDNEY) < 450
        assert not case.label[:, :, [0, -1]].any(), "the kidneys lie inside the scan"
        tumours.append(millilitres(case, case.label == TUMOUR))
    assert min(tumours) == 0, "some cases have none"
    assert sum(volume > 50 for volume in tumours) >= 3
    assert sum(0 < volume < 20 for volume in tumours) >= 3


def test_every_tumour_grows_on_a_kidney(cases: list[PhantomCase]) -> None:
    for case in cases:
        parts, count = label(case.label == TUMOUR)
        for part in range(1, count + 1):
            assert (case.label[binary_dilation(parts == part, iterations=2)] == KIDNEY).any()


def test_left_and_right_are_where_the_affine_says(cases: list[PhantomCase]) -> None:
    heights, single = [], 0
    for case in cases:
        x = case.affine[0, 3] + case.affine[0, 0] * np.arange(SHAPE[0])
        right, left = ((case.label == KIDNEY) & side[:, None, None] for side in (x > 0, x < 0))
        assert (case.label[np.abs(x) < 12] == KIDNEY).sum() == 0, "they lie beside the spine"
        if min(right.sum(), left.sum()) == 0:
            single += 1
            continue
        assert world(case, right)[0] > 40
        assert world(case, left)[0] < -40
        heights.append(world(case, left)[2] - world(case, right)[2])
        z = case.affine[2, 3] + case.affine[2, 2] * np.arange(SHAPE[2])
        over = (case.image[0] > 20) & (case.image[0] < 160) & ((z > 45) & (z < 90))
        assert over[x > 30].sum() > 1.2 * over[x < -30].sum(), "the liver is on the right"
    assert np.mean(heights) > 5, "and pushes the right kidney down"
    assert 1 <= single <= 4


def test_patients_with_one_kidney_or_without_a_tumour_are_as_many_as_said() -> None:
    drawn = [abdomen._draw_kidneys(np.random.default_rng(index)) for index in range(250)]
    tumours = np.array(
        [sum(mass.kind != Kind.CYST for kidney in kidneys for mass in kidney.masses) for kidneys in drawn]
    )
    assert np.mean([len(kidneys) == 1 for kidneys in drawn]) == pytest.approx(abdomen.ONE_KIDNEY_SHARE, abs=0.05)
    assert (tumours == 0).mean() == pytest.approx(abdomen.NO_TUMOUR_SHARE, abs=0.05)
    assert (tumours == 2).mean() == pytest.approx(abdomen.TWO_TUMOURS_SHARE, abs=0.06)
    assert {kidney.side for kidneys in drawn for kidney in kidneys if len(kidneys) == 1} == {-1, 1}
    assert any(mass.kind == Kind.CYST for kidneys in drawn for kidney in kidneys for mass in kidney.masses)
    assert any(mass.necrosis for kidneys in drawn for kidney in kidneys for mass in kidney.masses)


@pytest.mark.parametrize(
    ("phase", "cortex_over_medulla", "cortex_over_muscle"),
    [("none", (-12, 20), (-40, 0)), ("arterial", (90, 170), (90, 180)), ("portal", (20, 80), (80, 160)),
     ("nephrographic", (-25, 40), (70, 150))],
    ids=PHASES,
)  # fmt: skip
def test_contrast_is_that_of_the_phase(phase: str, cortex_over_medulla: tuple, cortex_over_muscle: tuple) -> None:
    for index in range(20):
        values = draw_hounsfield(np.random.default_rng(index), PHASES.index(phase))
        assert values[Kind.AIR] == -1000
        assert cortex_over_medulla[0] < values[Kind.CORTEX] - values[Kind.MEDULLA] < cortex_over_medulla[1]
        assert cortex_over_muscle[0] < values[Kind.CORTEX] - values[Kind.MUSCLE] < cortex_over_muscle[1]
        assert -5 < values[Kind.CYST] < 22, "water takes nothing up"
        if phase != "none":
            assert all(values[kind] < values[Kind.CORTEX] - 15 for kind in TUMOUR_KINDS)


def balanced_accuracy(cases: list[PhantomCase], with_place: bool) -> float:
    """Of a Bayes classifier by histograms that tells tumour from unlabelled soft tissue, made and tried on other cases.

    Args:
        cases: made from even ones, tried on odd ones.
        with_place: let it know, beside the voxel's HU, how far the nearest kidney is.
    """
    parts = []
    for case in cases:
        soft = (case.image[0] > -20) & (case.image[0] < 220) & (case.label != KIDNEY)
        far = distance_transform_edt(case.label != KIDNEY, sampling=spacing(case))
        parts.append((np.stack([case.image[0][soft], far[soft] * with_place], axis=-1), case.label[soft]))
    (train, train_class), (test, test_class) = (
        map(np.concatenate, zip(*parts[first::2], strict=True)) for first in (0, 1)
    )
    edges = [np.linspace(-20, 220, _BINS + 1)[1:-1], np.linspace(0, 100, _BINS + 1)[1:-1]]

    def cells(features: np.ndarray) -> np.ndarray:
        return np.ravel_multi_index([np.digitize(features[:, i], edges[i]) for i in (0, 1)], (_BINS, _BINS))

    found = cells(train)
    likelihood = [np.bincount(found[train_class == k], minlength=_BINS**2) + 0.1 for k in (0, TUMOUR)]
    said = np.argmax([counts / counts.sum() for counts in likelihood], axis=0)[cells(test)] * TUMOUR
    return float(np.mean([(said[test_class == k] == k).mean() for k in (0, TUMOUR)]))


@pytest.mark.parametrize(
    ("with_place", "low", "high"), [(False, 0.45, 0.72), (True, 0.8, 1.0)], ids=["HU", "place too"]
)
def test_a_tumour_is_told_by_its_place_and_not_by_its_values(
    cases: list[PhantomCase], with_place: bool, low: float, high: float
) -> None:
    assert low <= balanced_accuracy(cases, with_place) <= high


def test_no_window_of_values_holds_the_kidneys_alone(cases: list[PhantomCase]) -> None:
    best = 0.0
    for low in range(0, 200, 20):
        for high in range(low + 20, 320, 20):
            said = [(case.image[0] >= low) & (case.image[0] < high) for case in cases]
            both = sum((mask & (case.label > 0)).sum() for mask, case in zip(said, cases, strict=True))
            best = max(best, 2 * both / sum(m.sum() + (c.label > 0).sum() for m, c in zip(said, cases, strict=True)))
    assert best < 0.35


def test_air_lies_around_the_body_and_a_table_under_it(cases: list[PhantomCase]) -> None:
    tables = 0
    for case in cases:
        image = case.image[0].astype(float)
        corner = image[: SHAPE[0] // 8, -SHAPE[1] // 8 :]
        assert np.median(corner) <= -990
        middle = image[SHAPE[0] // 2 - 4 : SHAPE[0] // 2 + 4].mean(axis=(0, 2))
        skin = int(np.argmax(middle > -200))
        tables += bool((middle[:skin] < -980).any() and (middle[:skin] > -960).sum() >= 2)
    assert tables >= 14, "the largest patients fill the field of view"
    padding = [case.image[0, 0, 0, 0] for case in cases]
    assert sum(value in (-1024, -2048, -3024) for value in padding) >= 3
    assert sum(value > -1024 for value in padding) >= 3


def test_every_case_has_a_protocol_of_its_own() -> None:
    seen = []
    for index in range(30):
        patient = abdomen._draw_patient(source_of_case(0, index))
        grid = abdomen._grid(patient, None, None)
        x, y, z = grid.spacing
        assert x == pytest.approx(y)
        assert PIXEL[0] <= x <= PIXEL[1]
        assert any(z == pytest.approx(thickness) for thickness in THICKNESS)
        assert grid.shape[:2] == (MATRIX, MATRIX)
        assert 185 <= grid.shape[2] * z <= 360
        seen.append((round(x, 3), round(z, 2), grid.shape[2]))
    assert len({z for _, z, _ in seen}) >= 5
    assert min(slices for *_, slices in seen) < 70
    assert max(slices for *_, slices in seen) > 200


def test_field_of_view_is_the_cases_own_whatever_the_shape() -> None:
    coarse, fine = abdomen_case((32, 32, 16), 0, 0), abdomen_case((96, 96, 32), 0, 0)
    extents = [np.array(case.label.shape) * spacing(case) for case in (coarse, fine)]
    assert np.allclose(*extents)
    pooled = (fine.label > 0).reshape(32, 3, 32, 3, 16, 2).mean(axis=(1, 3, 5)) > 0.5
    kidneys = coarse.label > 0
    assert 2 * (pooled & kidneys).sum() / (pooled.sum() + kidneys.sum()) > 0.75
