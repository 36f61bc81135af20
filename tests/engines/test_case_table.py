import csv
import json

import pytest

from segpeft.engines import CaseTable, RegionDice, RegionHD95
from tests.engines.test_region_metrics import FULL, HALF, SCHEME, evaluate, masks

SMALL = masks((1, 5), (3, 4))


@pytest.fixture
def written(tmp_path):
    """The folder and the two files of an evaluation of three cases."""
    table = CaseTable(tmp_path / "eval" / "run")

    class WithTable(RegionDice):
        def attach(self, engine, name):
            table.attach(engine)  # before the metrics, which a config could do as well
            super().attach(engine, name)

    metrics = {"dice": WithTable(SCHEME), "hd95": RegionHD95(SCHEME, hd95_missing=50)}
    evaluate([(FULL, FULL), (HALF, SMALL), (HALF, HALF)], metrics)
    assert not (tmp_path / "eval").is_file()
    rows = list(csv.DictReader((tmp_path / "eval" / "run" / "cases.csv").open()))
    return tmp_path / "eval" / "run", rows, json.loads((tmp_path / "eval" / "run" / "cases_summary.json").read_text())


def test_one_line_a_case_and_region(written):
    _, rows, _ = written
    assert [(row["case"], row["region"]) for row in rows] == [
        (c, r) for c in ("c0", "c1", "c2") for r in ("whole", "core")
    ]
    assert rows[3] == {
        "case": "c1",
        "region": "core",
        "dice": "0",
        "hd95": "50",
        "truth_voxels": "1",
        "pred_voxels": "0",
        "policy": "missed",
    }
    assert [row["policy"] for row in rows] == ["", "", "", "missed", "", "both_empty"]


def test_summary_has_mean_spread_and_n(written):
    _, _, summary = written
    assert summary["dice"]["whole"] == {"mean": 1.0, "std": 0.0, "n": 3}
    assert summary["dice"]["core"]["mean"] == pytest.approx(2 / 3)
    assert summary["dice"]["core"]["std"] == pytest.approx(3**-0.5)
    assert summary["dice"]["mean"]["mean"] == pytest.approx(5 / 6)
    assert summary["hd95"]["core"]["mean"] == pytest.approx(50 / 3)


def test_nothing_else_is_left(written):
    folder, _, _ = written
    assert sorted(file.name for file in folder.iterdir()) == ["cases.csv", "cases_summary.json"]


def test_false_positives_are_named(tmp_path):
    table = CaseTable(tmp_path)

    class WithTable(RegionDice):
        def attach(self, engine, name):
            super().attach(engine, name)
            table.attach(engine)

    evaluate([(FULL, HALF)], {"dice": WithTable(SCHEME)})
    assert "c0,core,0,0,8,false_positive" in (tmp_path / "cases.csv").read_text()
