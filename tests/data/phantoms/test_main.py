"""The command line: what it writes, and that every wrong argument is one line."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import pytest

from segpeft.data.phantoms.__main__ import main
from tests.data.phantoms.written import TINY, files_of, write


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cases", "0"], "cases 0"),
        (["--cases", "1", "--shape", "64", "64", "23"], "shape 64 64 23"),
        (["--cases", "1", "--seed", "-1"], "seed -1"),
        (["--cases", "1", "--start", "-1"], "start -1"),
        (["--cases", "1", "--workers", "0"], "workers 0"),
        (["--cases", "many"], "--cases"),
        (["--shape", "64", "64", "64"], "--cases"),
    ],
    ids=["cases", "shape", "seed", "start", "workers", "not-a-number", "left-out"],
)
def test_wrong_arguments_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        status = main(["brain", "--out", str(tmp_path / "out"), *arguments])
    except SystemExit as stop:
        status = stop.code
    message = capsys.readouterr().err
    assert status in (1, 2)
    assert message.count("\n") == 1
    assert message.endswith("\n")
    assert said in message
    assert not (tmp_path / "out").exists()


def test_layout_that_cannot_hold_dicom_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["prostate", "--out", str(tmp_path / "out"), "--cases", "1", "--layout", "msd", "--dicom"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == "error: layout msd: cannot hold DICOM; expected layout series\n"
    assert not (tmp_path / "out").exists()


def test_prostate_takes_fewer_slices_than_the_brain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--cases", "1", "--shape", "24", "24", "8", "--out", str(tmp_path / "set")]
    assert main(["brain", *arguments]) == 1
    assert "at least 24, 24, 24 voxels" in capsys.readouterr().err
    assert main(["prostate", *arguments]) == 0
    listed = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert listed["modality"] == {"0": "T2", "1": "ADC"}
    assert listed["labels"] == {"0": "background", "1": "PZ", "2": "TZ"}
    assert nib.load(tmp_path / "set" / "imagesTr" / "prostate_001.nii.gz").shape == (24, 24, 8, 2)


def test_folder_of_another_data_set_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = write(tmp_path, cases=1)
    tiny = [str(n) for n in TINY]
    assert main(["brain", "--out", str(tmp_path), "--cases", "1", "--seed", "7", "--shape", *tiny]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "seed 0 instead of 7" in message
    assert "dataset.json" in message
    assert files_of(tmp_path) == before


def test_module_reports_an_error_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "segpeft.data.phantoms", "brain", "--out", str(tmp_path / "set"), "--cases", "1"]
    failed = subprocess.run([*command, "--shape", "8", "24", "24"], capture_output=True, text=True)
    assert failed.returncode == 1
    assert re.fullmatch(r"error: shape 8 24 24: [^\n]+\n", failed.stderr)


def test_command_line_writes_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["brain", "--out", str(tmp_path / "set"), "--cases", "1", "--shape", "24", "24", "24", "--unlabelled"]
    assert main(arguments) == 0
    assert "1 cases, 1 written now" in capsys.readouterr().out
    assert files_of(tmp_path / "set") == write(tmp_path / "same", cases=1, labelled=False)
