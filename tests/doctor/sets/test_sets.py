"""Checks of a whole set: silent on cases that resemble each other, one finding for the planted one."""

from dataclasses import replace

import numpy as np
import pytest

from segpeft.data.survey import CaseFacts
from segpeft.doctor.expected import Expected
from segpeft.doctor.looking import CaseLook, look
from segpeft.doctor.sets.channel_order import channel_orders, check_channel_order
from segpeft.doctor.sets.duplicates import check_duplicates
from segpeft.doctor.sets.geometry import check_geometry
from segpeft.doctor.sets.hounsfield import check_hounsfield
from segpeft.doctor.sets.label_values import check_label_values
from segpeft.doctor.sets.mirrored_label import check_mirrored_label
from segpeft.finding import ERROR, NOTE, WARNING
from tests.doctor.made import drawn, image, looks, opened

TWO = ("T2", "ADC")


def test_channels_in_order():
    assert list(check_channel_order(looks(12, 2), TWO)) == []


def test_swapped_channels():
    seen = looks(12, 2)
    seen[4] = look(opened("case4", image(4, 2)[..., ::-1], drawn(4)))
    (finding,) = check_channel_order(seen, TWO)
    assert (finding.severity, finding.subject) == (ERROR, "case4")
    assert finding.text == "its channels look like ADC, T2; expected T2, ADC"


def test_too_few_cases_to_compare_are_said_to_be():
    (finding,) = check_channel_order(looks(5, 2), TWO)
    assert finding.severity == NOTE
    assert "5 cases can be compared" in finding.text


def test_orders():
    assert len(channel_orders(4)) == 24
    assert channel_orders(4)[0] == (0, 1, 2, 3)
    many = channel_orders(7)
    assert len(many) == 22
    assert many[0] == tuple(range(7))
    assert (1, 0, 2, 3, 4, 5, 6) in many


def test_labels_as_they_should_be():
    assert list(check_mirrored_label(looks(12))) == []


@pytest.mark.parametrize(
    ("axis", "name"), [(0, "left-right"), (1, "front-back"), (2, "head-foot")], ids=["x", "y", "z"]
)
def test_a_mirrored_label(axis, name):
    seen = looks(12)
    seen[7] = look(opened("case7", image(7), np.flip(drawn(7), axis)))
    (finding,) = check_mirrored_label(seen)
    assert (finding.severity, finding.subject) == (WARNING, "case7")
    assert f"({name})" in finding.text


def facts_of(seen: list[CaseLook], index: int, **changes: object) -> CaseFacts:
    return replace(seen[index].facts, **changes)


@pytest.mark.parametrize(
    ("section", "severity"), [("test", ERROR), ("training", WARNING)], ids=["between-sections", "within"]
)
def test_duplicates(section, severity):
    seen = looks(3)
    assert list(check_duplicates(seen)) == []
    seen.append(look(opened("copy", image(1), None, section)))
    (finding,) = check_duplicates(seen)
    assert finding.severity == severity
    assert f"case1 (training), copy ({section})" in finding.text


def ct(seed: int, offset: float) -> np.ndarray:
    inside = image(seed) > 0
    return np.where(inside, image(seed) - 90, -1000) + offset


@pytest.mark.parametrize("channels", [("CT",), ("portal",)], ids=["by-name", "by-the-others"])
def test_hounsfield(channels):
    seen = [look(opened(f"case{seed}", ct(seed, 1024 * (seed == 2)), drawn(seed))) for seed in range(5)]
    (finding,) = check_hounsfield(seen, Expected(channels))
    assert (finding.severity, finding.subject) == (ERROR, "case2")
    assert "has no value below 0" in finding.text


def test_mr_is_not_asked_for_hounsfield_units():
    assert list(check_hounsfield(looks(5), Expected(("T2",)))) == []


def test_a_value_that_nobody_draws():
    named = Expected(("T2",), {0: "background", 1: "ball", 2: "rod"})
    (finding,) = check_label_values(looks(3), named)
    assert (finding.severity, finding.text) == (
        WARNING,
        "no label holds the value 2 (rod): nothing to learn it from",
    )


def test_a_value_of_one_case_alone_where_none_are_named():
    seen = looks(9)
    label = drawn(3)
    label[0, 0, 0] = 7
    seen[3] = look(opened("case3", image(3), label))
    (finding,) = check_label_values(seen, Expected(("T2",)))
    assert (finding.severity, finding.subject) == (WARNING, "case3")


def test_voxels_of_another_size():
    seen = looks(9)
    assert list(check_geometry(seen)) == []
    channel = seen[3].facts.channels[0]
    grid = replace(channel.grid, spacing=(1.0, 1.0, 50.0))
    seen[3] = replace(seen[3], facts=facts_of(seen, 3, channels=(replace(channel, grid=grid),)))
    assert {(finding.severity, finding.subject) for finding in check_geometry(seen)} == {(WARNING, "case3")}
