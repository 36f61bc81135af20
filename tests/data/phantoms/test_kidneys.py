"""The kidneys phantom: the abdomen's patients on a smaller field of view."""

import numpy as np
import pytest

from segpeft.data.phantoms.abdomen import MATRIX, _draw_patient, _grid, abdomen_case
from segpeft.data.phantoms.case import source_of_case
from segpeft.data.phantoms.kidneys import FIELD_OF_VIEW, kidneys_case


@pytest.mark.parametrize("index", [0, 4, 9])
def test_it_shows_the_kidneys_of_the_same_patient_finer(index: int) -> None:
    whole, targeted = abdomen_case((96, 96, 48), 0, index), kidneys_case((96, 96, 48), 0, index)
    spacings = [np.diag(case.affine)[:3] for case in (whole, targeted)]
    assert (spacings[1] < spacings[0]).all()
    volumes, centres = zip(*(mass(case.label, case.affine) for case in (whole, targeted)), strict=True)
    assert volumes[1] == pytest.approx(volumes[0], rel=0.08), "nothing of them is cut off"
    assert np.allclose(*centres, atol=2.0)
    assert not targeted.label[:, :, [0, -1]].any()
    assert not targeted.label[:, [0, -1]].any()


def test_its_extent_is_that_of_the_target_as_far_as_it_was_scanned() -> None:
    for index in range(20):
        patient = _draw_patient(source_of_case(0, index))
        grid = _grid(patient, None, FIELD_OF_VIEW)
        extent = grid.spacing * grid.shape
        assert grid.shape[:2] == (MATRIX, MATRIX)
        assert tuple(extent[:2]) == FIELD_OF_VIEW[:2]
        assert extent[2] <= FIELD_OF_VIEW[2] + patient.scanner.thickness
        middle = grid.centre[2]
        assert patient.bottom <= middle - extent[2] / 2 + patient.scanner.thickness
        assert middle + extent[2] / 2 <= patient.top + patient.scanner.thickness


def mass(label: np.ndarray, affine: np.ndarray) -> tuple[float, np.ndarray]:
    """Volume in ml and centre in RAS mm of what is labelled."""
    place = affine[:3, :3] @ np.argwhere(label > 0).mean(axis=0) + affine[:3, 3]
    return float((label > 0).sum() * abs(np.linalg.det(affine[:3, :3])) / 1000), place
