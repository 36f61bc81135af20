"""The README and the model cards show what the committed results say."""

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
    assert "(benchmarks/results/med_tuning_demo/table.md)" in text
    assert text.count("| lora_16 |") == 2
    assert "| configuration | total | trainable |" in text
