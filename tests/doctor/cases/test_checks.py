"""Each fault of a single case is one finding that names it; a good case has none."""

import numpy as np
import pytest

from segpeft.data.layouts import Case
from segpeft.data.survey import case_facts, open_case
from segpeft.doctor.cases import check_case
from segpeft.doctor.expected import Expected
from segpeft.finding import ERROR, NOTE, WARNING
from tests.doctor.made import AFFINE, drawn, facts, image, opened

ONE = Expected(("T2",), {0: "background", 1: "ball"})
BALL = drawn(0)


def changed(array: np.ndarray, value: float) -> np.ndarray:
    copy = array.astype(np.float32)
    copy[5, 5, 5] = value
    return copy


def moved(by: float) -> np.ndarray:
    affine = AFFINE.copy()
    affine[0, 3] = by
    return affine


def test_a_good_case(tmp_path):
    assert list(check_case(facts(tmp_path, image(0)[..., 0], BALL), ONE)) == []


def test_a_label_stored_the_other_way_round_is_good(tmp_path):
    turned = np.diag([-1.0, 1.0, 2.0, 1.0])
    turned[0, 3] = BALL.shape[0] - 1
    assert list(check_case(facts(tmp_path, image(0)[..., 0], BALL[::-1], label_affine=turned), ONE)) == []


@pytest.mark.parametrize(
    ("label", "affine", "check", "severity", "text"),
    [
        (
            changed(BALL, 7),
            AFFINE,
            "labels",
            ERROR,
            "holds the value 7 (1 of 5760 voxels); expected 0 background, 1 ball",
        ),
        (changed(BALL, 0.5), AFFINE, "labels", ERROR, "holds 0.5; expected whole numbers"),
        (np.zeros_like(BALL), AFFINE, "labels", WARNING, "nothing is drawn"),
        (BALL[:-1], AFFINE, "grids", ERROR, "the label has shape (19, 18, 16)"),
        (BALL, moved(8), "grids", ERROR, "the label has affine entry [0, 3] = 8, expected 0"),
    ],
    ids=["unknown-value", "no-whole-number", "empty", "shape", "affine"],
)
def test_faults_of_a_label(tmp_path, label, affine, check, severity, text):
    (finding,) = check_case(facts(tmp_path, image(0)[..., 0], label, label_affine=affine), ONE)
    assert (finding.check, finding.severity, finding.subject) == (check, severity, "one")
    assert text in finding.text


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "has 1 NaN or infinite"), (np.inf, "has 1 NaN or infinite")], ids=["nan", "inf"]
)
def test_values_that_are_not_finite(tmp_path, value, text):
    (finding,) = check_case(facts(tmp_path, changed(image(0)[..., 0], value), BALL), ONE)
    assert (finding.check, finding.severity) == ("intensities", ERROR)
    assert text in finding.text


@pytest.mark.parametrize(("allow_missing", "severity"), [(False, ERROR), (True, NOTE)], ids=["all-needed", "optional"])
def test_an_empty_channel(tmp_path, allow_missing, severity):
    voxels = image(0, 2)
    voxels[..., 1] = 0
    expected = Expected(("T2", "ADC"), ONE.values, allow_missing=allow_missing)
    (finding,) = check_case(facts(tmp_path, voxels, BALL), expected)
    assert (finding.check, finding.severity) == ("intensities", severity)
    assert "channel ADC is all zero" in finding.text


def test_another_number_of_channels(tmp_path):
    (finding,) = check_case(facts(tmp_path, image(0, 2), BALL), ONE)
    assert finding.text == "has 2 channels; expected 1 (T2)"


def test_a_file_that_is_cut_short(tmp_path):
    facts(tmp_path, image(0)[..., 0], BALL)
    path = tmp_path / "image.nii.gz"
    path.write_bytes(path.read_bytes()[:900])

    found = case_facts(open_case(Case("one", (str(path),), str(tmp_path / "label.nii.gz"))))
    (finding,) = check_case(found, ONE)
    assert finding.check == "files"
    assert "cannot be read" in finding.text


def test_a_training_case_without_a_label():
    found = case_facts(opened("one", image(0), None))
    assert [finding.text for finding in check_case(found, ONE)] == ["has no label, and is listed for training"]
