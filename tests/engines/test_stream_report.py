import logging

import torch
from ignite.engine import Engine

from segpeft.data.skipped import SkippedFiles
from segpeft.engines import StreamReport
from tests.two_processes import in_two_processes


class Loader(list):
    """A loader that finds a bad file in every epoch."""

    def __init__(self, prefix=""):
        super().__init__([0])
        self.skipped, self.prefix = SkippedFiles(), prefix

    def __iter__(self):
        self.skipped.files += 10
        name = f"{self.prefix}{self.skipped.files}.nii"
        self.skipped.add(name, f"{name}: cannot be read")
        return super().__iter__()


def run(folder, prefix=""):
    engine = Engine(lambda engine, batch: None)
    StreamReport(folder).attach(engine)
    engine.run(Loader(prefix), max_epochs=2)


def test_the_list_and_one_line_at_the_end(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        run(tmp_path)
    assert (tmp_path / "skipped.txt").read_text() == "10.nii: cannot be read\n20.nii: cannot be read\n"
    lines = [record.getMessage() for record in caplog.records if "files read" in record.getMessage()]
    assert lines == [f"20 files read, 2 of them skipped, listed in {tmp_path}/skipped*.txt"]


def _report(rank, folder):
    run(folder, f"r{rank}_")
    return torch.tensor(rank)


def test_every_rank_has_a_list_of_its_own(tmp_path):
    in_two_processes(_report, tmp_path)
    assert (tmp_path / "skipped.txt").read_text().startswith("r0_10.nii")
    assert (tmp_path / "skipped_rank1.txt").read_text().startswith("r1_10.nii")
