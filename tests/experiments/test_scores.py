import pytest

from segpeft.experiments.scores import over_seeds


def test_over_seeds_averages_each_case():
    cells = [{"scores": {"dice": {"WT": {"x": 0.2, "y": 1.0}}}}, {"scores": {"dice": {"WT": {"x": 0.4}}}}]
    assert over_seeds(cells, "dice", "WT") == pytest.approx({"x": 0.3, "y": 1.0})
