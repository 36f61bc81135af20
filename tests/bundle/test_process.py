import subprocess
import sys
import time

import pytest

from segpeft.bundle.process import last_line, run_logged

PROGRAM = """
import os, sys, time
print("first")
if sys.argv[1] == "lives":
    while True:
        open("alive", "a").write(".")
        time.sleep(0.02)
print(sys.argv[1:], os.environ["ANSWER"], flush=True)
os.kill(os.getpid(), 9) if sys.argv[1] == "dies" else sys.exit(int(sys.argv[1]))
"""
PARENT = """
from pathlib import Path
from segpeft.bundle.process import run_logged
run_logged(["-m", "program", "lives"], Path.cwd(), Path("log"))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize(("word", "status"), [("0", 0), ("3", 3), ("dies", -9)], ids=["well", "error", "killed"])
def test_status_and_log(folder, word, status):
    log = folder / "logs" / "program.log"
    assert run_logged(["-m", "program", word, "more"], folder, log, {"ANSWER": "42"}) == status
    assert log.read_text().splitlines() == ["first", f"{[word, 'more']} 42"]
    assert last_line(log) == f"{[word, 'more']} 42"


def test_a_program_ends_with_its_parent(folder):
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=folder) as parent:
        alive = folder / "alive"
        wait_until(alive.exists)
        parent.kill()
    time.sleep(0.3)
    size = alive.stat().st_size
    time.sleep(0.3)
    assert alive.stat().st_size == size


def test_last_line_of_nothing(tmp_path):
    (tmp_path / "log").write_text("\n \n")
    assert last_line(tmp_path / "log") == "no output"


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
