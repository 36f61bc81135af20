"""What the benchmark of `new` says about its runs."""

import json
from pathlib import Path

import pytest

from benchmarks.scaffold import HELD_OUT, NAMES, PUBLISHED, means, page, steps

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_a_case_counts_by_the_mean_of_its_regions(tmp_path):
    rows = ["case,region,dice", "a,Anterior,0.5", "a,Posterior,0.7", "b,Anterior,1.0", "b,Posterior,0.0"]
    (tmp_path / "cases.csv").write_text("\n".join(rows))
    assert means(tmp_path / "cases.csv") == [pytest.approx(0.6), 0.5]


def test_both_networks_are_trained_on_one_split_and_judged_on_its_test_cases(tmp_path):
    made = {step.name: step for step in steps(tmp_path / "data", tmp_path / "work")}
    for name in ("scaffold", "unet"):
        training, evaluation = made[f"{name} training"].command, made[f"{name} evaluation"].command
        assert str(tmp_path / "work" / "split.json") in [*training, *evaluation]
        assert evaluation[evaluation.index("--section") + 1] == "test"
        assert "--section" not in training
    assert "configs/unet.json" in " ".join(made["unet training"].command)
    assert made["unet training"].result != made["scaffold training"].result


def test_the_committed_page_is_made_of_the_committed_numbers():
    result = json.loads((RESULTS / "scaffold.json").read_text())
    text = page(result)
    assert text == (RESULTS / "scaffold.md").read_text()
    assert all(name in text for name in (*NAMES.values(), *PUBLISHED))
    for row in result["rows"].values():
        assert row["scores"]["dice"]["mean"]["n"] == HELD_OUT
