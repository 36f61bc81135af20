"""From a folder of files to label maps by the printed commands: nothing is edited in between."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import nibabel
import pytest

from segpeft.bundle.__main__ import main as bundle
from segpeft.data.datalist import main as list_cases
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.data.volume_list import main as list_volumes
from tests.bundle.new.sets import NAMES, WRITERS, write_hippocampi
from tests.bundles.runs import run

SHORT = {"epochs": 1, "val_interval": 1}
PRETRAINING = {**SHORT, "epoch_length": 2, "batch_size": 2}
CHAINS = [
    ("hippocampus", "channel_lora"),
    ("hippocampus", "med_tuning"),
    ("prostate", "channel_lora"),
    ("kidneys", "channel_lora"),
    ("kidneys", "med_tuning"),
]


def label_shapes(cases):
    labels = [*cases.glob("labelsTr/*"), *cases.glob("*/label.nii.gz"), *cases.glob("*/segmentation.nii.gz")]
    return sorted(nibabel.load(path).shape for path in labels)


@pytest.mark.parametrize(("data", "method"), CHAINS, ids=["-".join(chain) for chain in CHAINS])
def test_new_pretrain_train_evaluate_infer(data, method, tmp_path):
    cases, out = WRITERS[data](tmp_path / "data"), tmp_path / "own"
    assert bundle(["new", "--dataset", str(cases), "--method", method, "--out", str(out), "--scale", "cpu"]) == 0
    list_volumes([str(cases), "--out", str(out / "cache" / "volumes.txt")])
    run(str(out), "pretrain", run_id="training", dataset_dir=out / "cache" / "volumes.txt", **PRETRAINING)
    run(str(out), "train", run_id="training", dataset_dir=cases, **SHORT)
    run(str(out), "train", "evaluate", run_id="evaluating", dataset_dir=cases)
    run(str(out), "inference", run_id="run", dataset_dir=cases)
    scores = json.loads((out / "eval" / "evaluation" / "cases_summary.json").read_text())
    described = json.loads((out / "configs" / "metadata.json").read_text())
    assert set(scores["dice"]) == {*described["pred_classes"].split(": ")[1].split(", "), "mean"}
    assert (out / "models" / "adapters" / "own.safetensors").is_file()
    written = (out / "eval" / "inference").glob("*_seg.nii.gz")
    assert sorted(nibabel.load(path).shape for path in written) == label_shapes(cases)


def test_folders_of_dicom_files_are_listed_by_case(tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "own"
    shape = ["--shape", "32", "32", "12"]
    assert write_phantoms(["prostate", "--cases", "3", *shape, "--dicom", "--out", str(data)]) == 0
    assert bundle(["new", "--dataset", str(data), "--out", str(out)]) == 0
    printed = [shlex.split(line) for line in capsys.readouterr().out.splitlines() if line.startswith("python -m")]
    listing, volumes = ([word.replace("cache/", f"{out}/cache/") for word in words] for words in printed[:2])
    assert [words[2] for words in (listing, volumes)] == ["segpeft.data.datalist", "segpeft.data.volume_list"]
    list_cases(listing[3:])
    list_volumes(volumes[3:])
    run(str(out), "pretrain", run_id="training", dataset_dir=out / "cache" / "volumes.txt", **PRETRAINING)
    run(str(out), "train", run_id="training", dataset_dir=data, **SHORT)


@pytest.mark.slow
def test_the_printed_commands_run_as_they_are(tmp_path, capsys):
    """With a name that a shell, a config and an expression would each read in their own way."""
    named = {**NAMES, "1": "a 'quoted' #1 $(x) \"Kopf\"", "2": "Schwänzchen @end"}
    data = write_hippocampi(tmp_path / "data of mine's", 4, name='It\'s "#1" $x', labels=named)
    out = tmp_path / "own bundle"
    assert bundle(["new", "--dataset", str(data), "--out", str(out)]) == 0
    printed = capsys.readouterr().out.strip().splitlines()
    commands = [line for line in printed if line.startswith("python -m")]
    assert len(commands) == 5
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for line in commands:
        words = shlex.split(line.replace("NEW_CASES", shlex.quote(str(data))))
        short = ["--epochs", "1"] if "training" in words else []
        command = [sys.executable, *words[1:], *short]
        ended = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-4000:]
    assert len(list((out / "eval" / "inference").glob("*_seg.nii.gz"))) == 4
    assert bundle(["pack", str(out), "--out", str(tmp_path)]) == 0
    assert bundle(["verify", "--quick", str(tmp_path / "own bundle_v0.1.0.zip")]) == 0
