import pytest

from segpeft.errors import InputError
from segpeft.experiments.values import fill


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("{n}", 3, id="typed"),
        pytest.param("--cases={n}", "--cases=3", id="inside-a-text"),
        pytest.param({"a#b": ["{size}", 1, None]}, {"a#b": [[4, 5], 1, None]}, id="nested"),
        pytest.param("$len(@channels)", "$len(@channels)", id="expression"),
        pytest.param("$dict() or {}", "$dict() or {}", id="no-name"),
    ],
)
def test_fill(content, expected):
    assert fill(content, {"n": 3, "size": [4, 5]}) == expected


@pytest.mark.parametrize("values", [pytest.param({}, id="unknown"), pytest.param({"data": None}, id="not-given")])
def test_a_value_that_is_missing(values):
    with pytest.raises(InputError, match=r"value for \{data\}: give it by --set data=VALUE"):
        fill({"dataset_dir": "{data}/x"}, values)
