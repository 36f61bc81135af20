"""A training killed in mid-epoch and resumed, against one that was left alone: ``python -m benchmarks.resume``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.process import run_logged
from segpeft.errors import InputError, one_line_errors
from segpeft.machine import machine

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "bundles" / "brats_lora"
EPOCHS = 4
KNOBS = {"epochs": EPOCHS, "val_interval": 1, "folds": 3, "crops_per_case": 2, "device": "cpu"}


def main() -> None:
    """Runs the three trainings, prints and writes the comparison."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "resume", help="where data and runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "resume.json")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    phantoms = ["-m", "segpeft.data.phantoms", "brain", "--cases", "9", "--shape", "48", "48", "36"]
    if run_logged([*phantoms, "--out", str(work / "data")], ROOT, work / "data.log"):
        raise InputError(f"{work / 'data.log'}: the phantoms were not written, see there")
    _train(work, "whole")
    killed_after = _train_and_kill(work, "killed")
    _train(work, "killed", resume=True)
    result = {"machine": machine(), "killed_after_seconds": killed_after, **_compare(work)}
    print(json.dumps(result, indent=4))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out, result)


def _command(work: Path, name: str, **knobs: Any) -> list[str]:
    out = work / name
    places = {"dataset_dir": work / "data", "output_dir": out, "model_dir": out / "models", "cache_dir": work / "cache"}
    return bundle_command("training", ["train.json", "demo.json"], {**places, **KNOBS, **knobs})


def _train(work: Path, name: str, **knobs: Any) -> None:
    log = work / f"{name}{'_resumed' if knobs else ''}.log"
    if run_logged(_command(work, name, **knobs), BUNDLE, log):
        raise InputError(f"{log}: the training failed, see there")


def _train_and_kill(work: Path, name: str) -> float:
    """Kills a training by SIGKILL in the middle of the epoch after its first training state; returns its seconds."""
    state, start = work / name / "training_state.pt", time.monotonic()
    state.unlink(missing_ok=True)
    with (work / f"{name}.log").open("w") as log:
        process = subprocess.Popen([sys.executable, *_command(work, name)], cwd=BUNDLE, stdout=log, stderr=log)
        while process.poll() is None and not state.exists():
            time.sleep(0.05)
        time.sleep(1.0)  # some iterations into the next epoch
        if process.poll() is not None:
            raise InputError(f"{work / (name + '.log')}: the training ended before it could be killed")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    return round(time.monotonic() - start, 1)


def _compare(work: Path) -> dict[str, Any]:
    runs = [read_json(work / name / "run.json") for name in ("whole", "killed")]
    weights = [torch.load(work / name / "models" / "model.pt", weights_only=True) for name in ("whole", "killed")]
    states = [torch.load(work / name / "training_state.pt", weights_only=True) for name in ("whole", "killed")]
    differences = [abs(runs[0]["metrics"][name] - value) for name, value in runs[1]["metrics"].items()]
    return {
        "epochs": EPOCHS,
        "epochs_of_the_resumed_run": runs[1]["epochs"],
        "iterations": [int(state["iteration"]) for state in states],
        "metrics_uninterrupted": runs[0]["metrics"],
        "metrics_resumed": runs[1]["metrics"],
        "largest_metric_difference": max(differences),
        "largest_weight_difference": max(
            float((value.float() - weights[1][key].float()).abs().max()) for key, value in weights[0].items()
        ),
        "passed": max(differences) <= 1e-6,
    }


if __name__ == "__main__":
    main()
