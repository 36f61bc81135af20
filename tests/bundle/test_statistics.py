import pytest

from segpeft.bundle.statistics import bootstrap_interval, compare, holm, wilcoxon_p


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([2, 4, 6, 8, 10], [1, 2, 3, 4, 5], 2 / 2**5, id="all-larger"),
        pytest.param([1, 2, 3, 4, 5], [2, 4, 6, 8, 10], 2 / 2**5, id="two-sided"),
        pytest.param(list(range(2, 26, 2)), list(range(1, 13)), 2 / 2**12, id="twelve-pairs"),
        pytest.param([1, 2, 3, -4], [0, 0, 0, 0], 14 / 2**4, id="rank-sums-6-and-4"),
        pytest.param([0.5, 0.7], [0.5, 0.7], 1.0, id="equal"),
        pytest.param([], [], None, id="no-pairs"),
    ],
)
def test_wilcoxon(first, second, expected):
    assert wilcoxon_p(first, second) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([0.01, 0.04, 0.03], [0.03, 0.06, 0.06], id="monotone"),
        pytest.param([0.5, 0.6], [1.0, 1.0], id="at-most-1"),
        pytest.param([0.2], [0.2], id="one"),
        pytest.param([], [], id="none"),
    ],
)
def test_holm(given, expected):
    assert holm(given) == pytest.approx(expected)


def test_bootstrap_is_near_the_normal_interval():
    values = [i / 100 for i in range(101)]  # mean 0.5, standard error 0.0290
    low, high = bootstrap_interval(values)
    assert low == pytest.approx(0.5 - 1.96 * 0.0290, abs=0.004)
    assert high == pytest.approx(0.5 + 1.96 * 0.0290, abs=0.004)
    assert bootstrap_interval(values) == (low, high)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.3, 0.3, 0.3], (0.3, 0.3), id="constant"),
        pytest.param([0.3], None, id="one"),
        pytest.param([], None, id="none"),
    ],
)
def test_bootstrap_of_little(values, expected):
    assert bootstrap_interval(values) == (None if expected is None else pytest.approx(expected))


def test_comparison_pairs_by_case_and_knows_the_spread():
    scores = {
        "a": {"x": 0.9, "y": 0.7, "z": 0.8, "only a": 0.0},
        "b": {"z": 0.5, "y": 0.5, "x": 0.5},
        "c": {"x": 0.5, "y": 0.5, "z": 0.5},
    }
    first, second, third = compare(scores, {"a": 0.2, "b": 0.35, "c": None})
    assert (first["first"], first["second"], first["n"]) == ("a", "b", 3)
    assert first["difference"] == pytest.approx(0.3)
    assert first["interval"] == pytest.approx((0.2, 0.4), abs=1e-9)
    assert first["p"] == pytest.approx(0.25)
    assert first["p_holm"] == pytest.approx(0.75)
    assert first["beyond_spread"] is False
    assert second["beyond_spread"] is None
    assert (third["difference"], third["p"]) == (0, 1)


def test_a_difference_beyond_both_spreads():
    (pair,) = compare({"a": {"x": 0.9, "y": 0.7}, "b": {"x": 0.5, "y": 0.5}}, {"a": 0.2, "b": 0.1})
    assert pair["beyond_spread"] is True
