"""The table of an ensemble and its members."""

import pytest

from benchmarks.ensemble import main, member_files, table
from segpeft.errors import InputError


def test_table_has_a_line_a_network():
    def row(dice, ece):
        return {"dice": {"WT": {"mean": dice, "n": 3}}, "ece": {"WT": {"mean": ece, "n": 3}}}

    lines = table({"member 1": row(0.5, 0.02), "ensemble": row(0.6, 0.01)}).splitlines()
    assert lines[0] == "| network | Dice WT | ECE WT | cases |"
    assert lines[2:] == ["| member 1 | 0.5000 | 0.0200 | 3 |", "| ensemble | 0.6000 | 0.0100 | 3 |"]


def test_members_are_folders_that_a_training_left(tmp_path):
    (tmp_path / "adapters").mkdir()
    for name in ("model.pt", "adapters/a.safetensors"):
        (tmp_path / name).touch()
    assert [path.name for path in member_files(tmp_path)] == ["model.pt", "a.safetensors"]
    (tmp_path / "adapters" / "b.safetensors").touch()
    with pytest.raises(InputError, match="expected model.pt and one file in adapters/"):
        main(["--dataset_dir", ".", "--members", str(tmp_path)])
