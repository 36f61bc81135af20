"""The README, the documentation and the model cards show what the committed results say."""

import json

import pytest

from benchmarks.readme import FILLED, RESULTS, ROOT, filled, made

PLACE = "before\n<!-- {0} -->\nold\n<!-- /{0} -->\nafter\n"


@pytest.mark.parametrize("path", FILLED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_is_up_to_date(path):
    text = path.read_text(encoding="utf-8")
    assert filled(text) == text


def test_every_block_with_results_is_shown():
    texts = "".join(path.read_text(encoding="utf-8") for path in FILLED)
    assert [name for name in made() if f"<!-- {name} -->\n" not in texts or f"<!-- /{name} -->" not in texts] == []


def test_block_without_results_stays_as_it_is(tmp_path):
    text = PLACE.format("med_tuning_demo")
    assert filled(text, tmp_path) == text


def test_experiment_with_its_costs_is_put_in(tmp_path):
    folder = tmp_path / "benchmarks" / "results" / "med_tuning_demo"
    folder.mkdir(parents=True)
    known = RESULTS / "channel_lora_hippocampus" / "results.json"
    (folder / "results.json").write_text(known.read_text(encoding="utf-8"), encoding="utf-8")
    text = filled(PLACE.format("med_tuning_demo"), folder.parent)
    assert "old" not in text
    assert text.startswith("before\n<!-- med_tuning_demo -->\n")
    assert text.endswith("<!-- /med_tuning_demo -->\nafter\n")
    assert "(../benchmarks/results/med_tuning_demo/table.md)" in text
    assert text.count("| lora_16 |") == 2
    assert "| configuration | total | trainable |" in text


def test_ranking_falls_with_dice_and_takes_steps_from_their_benchmark(tmp_path):
    def row(name, dice, sizes):
        return {
            "configuration": name,
            "scores": {"dice": {"mean": {"mean": dice, "spread": 0.01}}},
            "adapter_bytes": sizes,
            "parameters": {"trainable": 5000, "backbone_peft": 1000},
            "cases": 9,
            "seeds": [0, 1],
        }

    rows = [row("full", 0.7, {"backbone_peft": 8000}), row("lora", 0.8, {"backbone_peft": 400}), row("unet", 0.6, None)]
    steps = [
        {"method": "full", "time_ratio": 1, "saved_ratio": 1},
        {"method": "lora", "time_ratio": 0.7, "saved_ratio": 0.5},
    ]
    folder = tmp_path / "methods_hippocampus_vit"
    folder.mkdir()
    machines = [{"cpu": "this", "cores": 2, "torch": "2"}]
    (folder / "results.json").write_text(json.dumps({"rows": rows, "machines": machines}))
    (tmp_path / "methods_step.json").write_text(json.dumps({"vit": {"rows": steps}}))
    lines = filled(PLACE.format(folder.name), tmp_path).splitlines()
    assert lines[4:7] == [
        "| lora | 0.800 ± 0.010 | 1,000 | 0.70 | 0.50 | 0 |",
        "| full | 0.700 ± 0.010 | 1,000 | 1.00 | 1.00 | 8 |",
        "| unet | 0.600 ± 0.010 | 5,000 in all | – | – | – |",
    ]
    assert lines[8] == "9 cases, seeds 0, 1. this, 2 cores, torch 2."
