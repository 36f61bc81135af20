"""The table of Dice by subset of channels."""

import pytest

from benchmarks.missing_modality import main, subsets, table
from segpeft.errors import InputError


def test_every_subset_once_and_the_whole_last():
    found = list(subsets("abcd"))
    assert len(found) == len({tuple(one) for one in found}) == 15
    assert found[0] == ["a"]
    assert found[-1] == list("abcd")


def test_table_has_a_line_a_subset_and_a_column_a_region_and_network():
    def dice(value):
        return {"WT": {"mean": value, "n": 3}, "mean": {"mean": value / 2, "n": 3}}

    rows = [{"channels": ["b"], "dice": {"with": dice(0.5), "without": dice(0.25)}}]
    lines = table(["a", "b"], ["with", "without"], rows).splitlines()
    assert lines[0] == "| a | b | WT, with | WT, without | mean, with | mean, without | cases |"
    assert lines[2] == "|  | x | 0.500 | 0.250 | 0.250 | 0.125 | 3 |"


@pytest.mark.parametrize("models", ["model.pt", "a=/nowhere/model.pt", "a/b=model.pt"])
def test_what_is_no_model_is_refused(models):
    with pytest.raises(InputError, match="models: .* expected NAME=FILE"):
        main(["--dataset_dir", ".", "--models", models])
