import subprocess
import sys

import pytest

from segpeft import atomic_files
from segpeft.atomic_files import replacing


def test_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file.nii.gz"
    for text in ("old", "new"):
        with replacing(path) as partial:
            assert partial.parent == path.parent
            assert partial.name.endswith(".nii.gz")
            assert partial.name.startswith(".")
            partial.write_text(text)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half():
        with replacing(path) as partial:
            partial.write_text("ha")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    code = (  # by path: importing the package takes seconds
        "import runpy, sys, time; replacing = runpy.run_path(sys.argv[2])['replacing']\n"
        "with replacing(sys.argv[1]) as partial:\n"
        "    partial.write_text('ha'); print('writing', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), atomic_files.__file__], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "writing"
    process.kill()
    process.wait()
    assert path.read_text() == "old"
