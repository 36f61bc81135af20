"""Wrong input is shown in one line; anything else as Python shows it."""

import subprocess
import sys

import pytest

from segpeft.errors import InputError, find_input_error

RAISE = """
from segpeft.errors import InputError, one_line_errors
one_line_errors()
try:
    raise {inner}
except Exception as error:
    raise RuntimeError("outer") from error
"""


def run(inner):
    return subprocess.run(
        [sys.executable, "-c", RAISE.format(inner=inner)], capture_output=True, text=True, check=False
    )


def test_input_error_behind_another_is_one_line():
    done = run("InputError('case.nii.gz: has 3 channels, expected 4')")
    assert done.returncode == 1
    assert done.stderr == "error: case.nii.gz: has 3 channels, expected 4\n"


def test_other_errors_keep_their_traceback():
    done = run("KeyError('bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_found_through_the_chain(link):
    outer, inner = RuntimeError("outer"), InputError("inner")
    setattr(outer, link, inner)
    assert find_input_error(outer) is inner


def test_none_for_a_cycle_without_it():
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert find_input_error(first) is None
