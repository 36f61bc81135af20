"""Training and evaluation in two processes, joined by gloo, as `torchrun` starts them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.bundles.runs import (
    PRETRAINING,
    PRETRAINING_SWIN,
    SEGMENTING,
    SHORT,
    TRAINING,
    arguments,
    config_files,
    outputs,
    plain,
    run,
    start,
    weights,
)

KEEP_WEIGHTS = {
    "imports": ["$import os", "$import torch", "$import segpeft"],
    "finalize": [
        "$torch.save(@network.state_dict(), os.path.join(@output_dir, 'rank' + os.environ['RANK'] + '.pt'))",
        "$torch.distributed.destroy_process_group()",
    ],
}


def in_two_processes(bundle: str, run_id: str, configs: list[str], knobs: dict, log: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node=2", "--master_addr=127.0.0.1", f"--master_port={port}"]
    process = start(bundle, [*launcher, *arguments(run_id, configs, plain(knobs))], log)
    try:
        code = process.wait(timeout=240)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGTERM)  # torchrun ends its workers
        code = process.wait()
    assert code == 0, log.with_suffix(".err").read_text()[-3000:]


@pytest.mark.parametrize(
    ("bundle", "data"),
    [
        ("brats_lora", "phantoms"),
        ("kits_medtuning", "abdomens"),
        pytest.param("prostate_lora", "zones", marks=pytest.mark.slow),
    ],
)
def test_training(bundle, data, request, tmp_path):
    (tmp_path / "out").mkdir()
    overlay = tmp_path / "keep.json"
    overlay.write_text(json.dumps(KEEP_WEIGHTS))
    configs = config_files(bundle, "train", "multi_gpu_train", str(overlay))
    knobs = {**SEGMENTING[bundle], **SHORT, "epochs": 1, "dataset_dir": request.getfixturevalue(data)}
    knobs = {**knobs, "device": "cpu", **outputs(tmp_path)}
    in_two_processes(bundle, "training", configs, knobs, tmp_path / "log")
    ranks = [weights(tmp_path / "out" / f"rank{rank}.pt") for rank in range(2)]
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    saved = weights(tmp_path / "models" / "model.pt")
    assert all(torch.equal(saved[key], ranks[0][f"module.{key}"]) for key in saved)
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert report["iterations"] == 2  # four cases, two processes
    assert report["metrics"]["cases"] == 2
    assert len(list((tmp_path / "out").glob("events*"))) == 1


@pytest.mark.parametrize(
    ("names", "settings", "key"),
    [
        pytest.param((), PRETRAINING, "blocks.0.mlp.linear1.weight", id="vit"),
        pytest.param(
            ("train_swin",),
            PRETRAINING_SWIN,
            "layers4.0.blocks.0.mlp.linear1.weight",
            id="swin",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_pretraining_with_fewer_files_than_readers(names, settings, key, phantoms, tmp_path):
    """Three files, one of them damaged, for two processes with two workers each: all make the same number of steps."""
    (tmp_path / "out").mkdir()
    (tmp_path / "set").mkdir()
    for path in sorted((phantoms / "imagesTr").glob("*.nii.gz"))[:2]:
        shutil.copy(path, tmp_path / "set")
    (tmp_path / "set" / "damaged.nii.gz").write_bytes(b"no volume")
    overlay = tmp_path / "keep.json"
    overlay.write_text(json.dumps(KEEP_WEIGHTS))
    configs = config_files("vit_mae", "train", *names, "multi_gpu_train", str(overlay))
    knobs = {**settings, "epochs": 1, "validation_share": 0.0, "num_workers": 2, "device": "cpu"}
    knobs.update(dataset_dir=tmp_path / "set", **outputs(tmp_path))
    in_two_processes("vit_mae", "training", configs, knobs, tmp_path / "log")
    ranks = [weights(tmp_path / "out" / f"rank{rank}.pt") for rank in range(2)]
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    assert json.loads((tmp_path / "out" / "run.json").read_text())["iterations"] == 3
    encoder = load_file(tmp_path / "models" / "pretrained" / "encoder.safetensors")
    prefix = "module.swin." if names else "module."
    assert torch.equal(encoder[key], ranks[0][f"{prefix}{key}"])


@pytest.mark.slow
def test_evaluation_gives_the_metrics_of_one_process(phantoms, trained, tmp_path):
    knobs = {**TRAINING, "section": "all", "dataset_dir": phantoms, "model_dir": trained / "models", "device": "cpu"}
    run("brats_lora", "train", "evaluate", output_dir=tmp_path / "one", **knobs)
    configs = config_files("brats_lora", "train", "evaluate", "multi_gpu_train")
    in_two_processes("brats_lora", "evaluating", configs, {**knobs, "output_dir": tmp_path / "two"}, tmp_path / "log")
    rows = []
    for name in ("one", "two"):
        with (tmp_path / name / "cases.csv").open(newline="") as file:
            rows.append(list(csv.DictReader(file)))
        assert len(list((tmp_path / name / "labels").iterdir())) == 6
    assert rows[0] == rows[1]
    assert len(rows[0]) == 6 * 3
