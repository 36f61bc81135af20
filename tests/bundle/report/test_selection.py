from pathlib import Path

import pytest

from segpeft.bundle.report.evaluation import Evaluation
from segpeft.bundle.report.metrics import metric_of
from segpeft.bundle.report.record import Record
from segpeft.bundle.report.selection import chosen_cases

DICE, HD95 = metric_of("dice"), metric_of("hd95")


def evaluation(name: str, values: dict[str, float], metric: str = "dice") -> Evaluation:
    return Evaluation(name, Path(name), [], {metric: {"organ": values}}, {}, Record())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"a": 0.5}, {"The only case": "a"}, id="one"),
        pytest.param({"a": 0.5, "b": 0.7}, {"Best case": "b", "Worst case": "a"}, id="two"),
        pytest.param(
            {"a": 0.5, "b": 0.7, "c": 0.6}, {"Best case": "b", "Median case": "c", "Worst case": "a"}, id="three"
        ),
        pytest.param(
            {"d": 0.1, "a": 0.5, "b": 0.7, "c": 0.6},
            {"Best case": "b", "Median case": "a", "Worst case": "d"},
            id="four",
        ),
        pytest.param(
            {"b": 1.0, "a": 1.0, "c": 1.0}, {"Best case": "a", "Median case": "b", "Worst case": "c"}, id="ties"
        ),
    ],
)
def test_one_evaluation(values, expected):
    chosen = chosen_cases([evaluation("x", values)], DICE, "organ")
    assert {one.title: one.case for one in chosen} == expected


def test_smaller_may_be_better():
    chosen = chosen_cases([evaluation("x", {"a": 1.0, "b": 2.0, "c": 9.0}, "hd95")], HD95, "organ")
    assert [one.case for one in chosen] == ["a", "b", "c"]


def test_several_evaluations_share_cases():
    one = evaluation("one", {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.2, "only": 1.0})
    other = evaluation("other", {"a": 0.9, "b": 0.2, "c": 0.7, "d": 0.1})
    chosen = chosen_cases([one, other], DICE, "organ")
    assert {c.title: c.case for c in chosen} == {
        "Best case": "a",
        "Median case": "b",
        "Worst case": "d",
    }
    assert chosen[1].values == {"one": 0.8, "other": 0.2}


def test_the_largest_difference_is_shown_too():
    one = evaluation("one", {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.2, "e": 0.3})
    other = evaluation("other", {"a": 0.9, "b": 0.1, "c": 0.7, "d": 0.1, "e": 0.7})
    titles = {c.title: c.case for c in chosen_cases([one, other], DICE, "organ")}
    assert titles["Largest difference"] == "b"
