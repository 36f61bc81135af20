import pytest

from segpeft.bundle.steps import Step, run_step
from segpeft.errors import InputError

PROGRAM = """
import sys
open("runs", "a").write(".")
open("result", "w").write(open("input").read())
sys.exit("went wrong" if sys.argv[1] == "fail" else 0)
"""


@pytest.fixture
def step(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "input").write_text("one")
    return Step("a step", ["-m", "program", "work"], tmp_path, [tmp_path / "input"], tmp_path / "result")


def test_runs_once_until_an_input_changes(step, tmp_path, capsys):
    assert run_step(step, tmp_path / "out") == run_step(step, tmp_path / "out")
    assert "a step: reused, " in capsys.readouterr().out
    assert (tmp_path / "runs").read_text() == "."
    (tmp_path / "input").write_text("two")
    run_step(step, tmp_path / "out")
    assert (tmp_path / "result").read_text() == "two"
    (tmp_path / "result").unlink()
    run_step(step, tmp_path / "out")
    assert (tmp_path / "runs").read_text() == "..."


def test_a_failure_tells_the_last_line_and_is_tried_again(step, tmp_path):
    failing = Step(step.name, ["-m", "program", "fail"], step.folder, step.inputs, step.result)
    for _ in range(2):
        with pytest.raises(InputError, match=r"a step failed: went wrong \(all of it in .*a_step\.log\)"):
            run_step(failing, tmp_path / "out")
    assert (tmp_path / "runs").read_text() == ".."
