import pytest

from segpeft.experiments.summary import summarize
from tests.experiments.records import cell

CELLS = [
    cell("full", 0, {"WT": [0.9, 0.7], "mean": [0.9, 0.7]}, peak_host_bytes=3 * 2**30),
    cell("full", 1, {"WT": [0.7, 0.5], "mean": [0.7, 0.5]}, seconds=99.0, resumed=True),
    cell("lora", 0, {"WT": [0.5, 0.4], "mean": [0.5, 0.4]}, peak_device_bytes=7),
]


def test_rows():
    full, lora = summarize(CELLS, ["dice"])["rows"]
    assert (full["configuration"], full["seeds"], full["cases"]) == ("full", [0, 1], 2)
    score = full["scores"]["dice"]["WT"]
    assert score["mean"] == pytest.approx(0.7)
    assert score["seeds"] == pytest.approx([0.8, 0.6])
    assert score["spread"] == pytest.approx(0.2 / 2**0.5)
    assert score["interval"] == pytest.approx((0.6, 0.8))
    assert lora["scores"]["dice"]["WT"]["spread"] is None


def test_costs():
    full, lora = summarize(CELLS, ["dice"])["rows"]
    assert full["seconds"] == 12, "the cell that was resumed does not count"
    assert (full["peak_bytes"], full["memory"]) == (3 * 2**30, "host")
    assert (lora["peak_bytes"], lora["memory"]) == (7, "device")


def test_comparisons_and_machines():
    summary = summarize(CELLS, ["dice"])
    (pair,) = summary["comparisons"]
    assert pair["difference"] == pytest.approx(0.25)
    assert len(summary["machines"]) == 1


def test_nothing():
    assert summarize([], ["dice"]) == {"rows": [], "comparisons": [], "machines": []}
