"""What a person sees whose input is wrong: one line, an exit code, and the results of the good cases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bundles.runs import INFERRING, TRAINING, arguments, config_files, outputs, plain, start

OF_MONAI = "parsing config_file"  # its notice that configs are code


def inference(folder: Path, phantoms: Path, trained: Path) -> tuple[str, list[str], dict]:
    data = folder / "data"
    data.mkdir()
    for index in (1, 2, 3):
        shutil.copy(phantoms / "imagesTr" / f"BRATS_00{index}.nii.gz", data)
    broken = data / "BRATS_002.nii.gz"
    broken.write_bytes(broken.read_bytes()[:9000])
    knobs = {**INFERRING, "num_workers": 2, "ckpt_path": trained / "models" / "model.pt"}
    return "run", ["inference"], {**knobs, "dataset_dir": data, "output_dir": folder / "out"}


def checkpoint(folder: Path, phantoms: Path, trained: Path) -> tuple[str, list[str], dict]:
    _, names, knobs = inference(folder, phantoms, trained)
    return "inference", names, {**knobs, "method#rank": 2}


def no_data(folder: Path, phantoms: Path, trained: Path) -> tuple[str, list[str], dict]:
    return "training", ["train"], {**TRAINING, "dataset_dir": folder / "absent", **outputs(folder)}


def wrong_labels(folder: Path, phantoms: Path, trained: Path) -> tuple[str, list[str], dict]:
    scheme = "brats"  # the phantoms are numbered as in MSD: 3 is no value of it
    return "training", ["train"], {**TRAINING, "label_scheme": scheme, "dataset_dir": phantoms, **outputs(folder)}


RUNS = {
    inference: ("1 of 3 cases", "BRATS_002.nii.gz: cannot be read"),
    checkpoint: ("model.pt: ", "expected the same rank"),
    no_data: ("absent: no such folder",),
    wrong_labels: ("label values 3", "allows (0, 1, 2, 4)"),
}


@pytest.fixture(scope="module")
def ended(phantoms, trained, tmp_path_factory):
    """Exit code, lines on stderr and folder of each run; they run side by side."""
    running = {}
    for make in RUNS:
        folder = tmp_path_factory.mktemp(make.__name__)
        run_id, names, knobs = make(folder, phantoms, trained)
        command = arguments(run_id, config_files("brats_lora", *names), plain({"device": "cpu", **knobs}))
        running[make] = (start("brats_lora", command, folder / "log"), folder)
    codes = {make: process.wait(timeout=240) for make, (process, _) in running.items()}
    return {make: (codes[make], (at / "log.err").read_text().splitlines(), at) for make, (_, at) in running.items()}


@pytest.mark.parametrize("make", RUNS, ids=lambda make: make.__name__)
def test_one_line_and_an_exit_code(make, ended):
    code, lines, _ = ended[make]
    own = [line for line in lines if line.strip() and not line.startswith(OF_MONAI)]
    assert code == 1
    assert len(own) == 1, own
    assert own[0].startswith("error: ")
    assert not [word for word in RUNS[make] if word not in own[0]], own[0]


def test_the_good_cases_are_done(ended):
    folder = ended[inference][2]
    assert sorted(path.name for path in (folder / "out").glob("*.nii.gz")) == [
        "BRATS_001_seg.nii.gz",
        "BRATS_003_seg.nii.gz",
    ]


@pytest.mark.parametrize("make", [checkpoint, no_data, wrong_labels], ids=lambda make: make.__name__)
def test_nothing_is_left(make, ended):
    folder = ended[make][2]
    assert not (folder / "out").exists()
    assert not (folder / "models").exists()


@pytest.mark.parametrize("make", RUNS, ids=lambda make: make.__name__)
def test_no_traceback_in_the_log_either(make, ended):
    assert "Traceback" not in (ended[make][2] / "log.out").read_text()
