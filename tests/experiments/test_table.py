import pytest
from PIL import Image

from segpeft.experiments.plot import save_parameter_plot, save_plot
from segpeft.experiments.summary import summarize
from segpeft.experiments.table import cost_table, markdown, relative_table, variant_table
from tests.experiments.records import cell

SAVED = {"saved_bytes": 3_000_000}
RESULTS = {
    "name": "few",
    "about": "What it is.",
    "command": "python -m segpeft.experiments few.json --out DIR",
    "metrics": ["dice"],
    "failed": [{"configuration": "bad", "seed": 0, "error": "training failed: error: rank 0"}],
    "pending": [{"configuration": "late", "seed": 1}],
    "finished": "2026-01-01",
    "segpeft": "0.1.0",
    **summarize(
        [
            cell("full", 0, {"WT": [0.9, 0.7], "ET": [0.5, 0.5], "mean": [0.7, 0.6]}, seconds_per_step=0.1, **SAVED),
            cell("full", 1, {"WT": [0.7, 0.5], "ET": [0.5, 0.5], "mean": [0.6, 0.5]}, seconds_per_step=0.15, **SAVED),
            cell("lora", 0, {"WT": [0.4, 0.4], "ET": [0.2, 0.2], "mean": [0.3, 0.3]}, resumed=True),
        ],
        ["dice"],
    ),
}


def lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


def test_scores():
    head, _, full, lora, *_ = lines(markdown(RESULTS))
    assert head == "| configuration | WT | ET | mean of regions | cases | seeds |"
    assert full == "| full | 0.700 ± 0.141 | 0.500 ± 0.000 | 0.600 ± 0.071 [0.550, 0.650] | 2 | 2 |"
    assert lora == "| lora | 0.400 | 0.200 | 0.300 [0.300, 0.300] | 2 | 1 |"


def test_costs():
    head, _, full, lora = lines(cost_table(RESULTS["rows"]))
    costs = "seconds | seconds a step | saved for backward | peak memory"
    assert head == f"| configuration | total | trainable | frozen | share trained | {costs} |"
    assert full == "| full | 4,000 | 1,000 | 3,000 | 25.0% | 12 | 0.125 | 3 MB | 1.00 GiB (host) |"
    assert lora == "| lora | 4,000 | 1,000 | 3,000 | 25.0% | – | – | – | 1.00 GiB (host) |"
    assert cost_table(RESULTS["rows"]) in markdown(RESULTS)


def test_costs_beside_full_fine_tuning():
    files = {"adapter_bytes": {"backbone_peft": 250_000, "task_head": 1_000_000}}
    records = [
        cell("lora", 0, {"mean": [0.5]}, seconds_per_step=0.1, saved_bytes=3_000_000, **files),
        cell("full", 0, {"mean": [0.5]}, seconds_per_step=0.2, saved_bytes=4_000_000),
    ]
    rows = summarize(records, ["dice"])["rows"]
    head, _, lora, full = lines(relative_table(rows))
    assert head == "| configuration | step / full | saved / full | adapters on disk (MB) | decoder on disk (MB) |"
    assert lora == "| lora | 0.50 | 0.75 | 0.250 | 1.000 |"
    assert full == "| full | 1.00 | 1.00 | – | – |"
    assert relative_table(rows[:1]) == ""


def test_variants_are_columns():
    records = [cell(name, 0, {"mean": [score]}) for name, score in [("a@100", 0.9), ("a@50", 0.8), ("b@100", 0.7)]]
    rows = summarize(records, ["dice"])["rows"]
    assert lines(variant_table(rows, "dice")) == [
        "| mean of regions | 100 | 50 |",
        "| --- | ---: | ---: |",
        "| a | 0.900 | 0.800 |",
        "| b | 0.700 | – |",
    ]
    assert variant_table(RESULTS["rows"], "dice") == ""


def test_comparison():
    assert lines(markdown(RESULTS))[-1] == "| full | lora | +0.300 [+0.250, +0.350] | 2 | 0.5 | 0.5 | unknown |"


def test_what_is_missing_and_where_it_ran():
    text = markdown(RESULTS)
    assert "- bad, seed 0: training failed: error: rank 0" in text
    assert "- late, seed 1: not run" in text
    assert "a cpu, 2 cores; Linux; Python 3, torch 2, MONAI 1" in text
    assert "Not complete" not in markdown({**RESULTS, "failed": [], "pending": []})


def test_no_cell_done():
    text = markdown({**RESULTS, **summarize([], ["dice"])})
    assert "- late, seed 1: not run" in text
    assert "Measured on" not in text


@pytest.mark.parametrize("save", [save_plot, save_parameter_plot])
def test_plots(save, tmp_path):
    save(RESULTS, tmp_path / "scores.png")
    with Image.open(tmp_path / "scores.png") as picture:
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(2**24)) > 10
    assert [path.name for path in tmp_path.iterdir()] == ["scores.png"]
