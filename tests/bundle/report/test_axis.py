import pytest

from segpeft.bundle.report.axis import axis_of


@pytest.mark.parametrize(
    ("values", "whole", "texts"),
    [
        pytest.param([0.41, 0.87], False, ["0.4", "0.5", "0.6", "0.7", "0.8", "0.9"], id="dice"),
        pytest.param([1.4, 373.13], False, ["0", "100", "200", "300", "400"], id="mm"),
        pytest.param([], False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], id="nothing"),
        pytest.param([float("nan"), 0.0, 1.0], False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], id="nan"),
        pytest.param([6], True, ["5", "6", "7"], id="one-epoch"),
        pytest.param([1, 3], True, ["1", "2", "3"], id="three-epochs"),
    ],
)
def test_ticks(values, whole, texts):
    assert [text for _, text in axis_of(values, 0, 100, whole=whole).ticks()] == texts


def test_all_values_lie_on_the_axis():
    axis = axis_of([-3.3, 8.9], 100, 0)
    assert axis.place(axis.low) == 100
    assert 0 <= axis.place(8.9) < axis.place(-3.3) <= 100


@pytest.mark.parametrize("value", [0.0, 1.0, -5.0, 1e-7], ids=str)
def test_one_value_has_an_axis(value):
    axis = axis_of([value], 0, 1)
    assert axis.low < axis.high
    assert 0 <= axis.place(value) <= 1
