"""A training killed in the middle of an epoch and resumed ends where an uninterrupted one does."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.bundles.runs import TRAINING, arguments, outputs, refusal, run, start, weights

KNOBS = {**TRAINING, "epochs": 3, "crops_per_case": 2, "seed": 3}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def kill_in_second_epoch(folder: Path, phantoms: Path, knobs: dict) -> None:
    """Trains in a process of its own and kills it, like a power cut, while the second epoch goes on."""
    folder.mkdir()
    options = {"dataset_dir": phantoms, "device": "cpu", **knobs, **outputs(folder)}
    process = start("brats_lora", arguments("training", ["configs/train.json"], options), folder / "log")
    deadline, state = time.monotonic() + 120, folder / "out" / "training_state.pt"
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, text(folder / "log.err")


def ends(folder: Path) -> tuple[dict[str, float], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    report = json.loads((folder / "out" / "run.json").read_text())
    last = weights(folder / "out" / "training_state.pt")
    assert last["epoch"] == 3
    metrics = {**report["metrics"], "best": report["best_metric"], "in epoch": report["best_metric_epoch"]}
    return metrics, last["network"], weights(folder / "models" / "model.pt")


def check(phantoms: Path, folder: Path, **changes: int) -> None:
    knobs = {**KNOBS, **changes}
    whole, parts = folder / "whole", folder / "parts"
    run("brats_lora", "train", dataset_dir=phantoms, **knobs, **outputs(whole))
    kill_in_second_epoch(parts, phantoms, knobs)
    assert weights(parts / "out" / "training_state.pt")["epoch"] == 1, "killed too late to show anything"
    assert not (parts / "out" / "run.json").exists()
    resumed = run("brats_lora", "train", dataset_dir=phantoms, resume=True, **knobs, **outputs(parts))
    trainer = resumed.parser.get_parsed_content("train#trainer")
    assert trainer.state.iteration == 3 * trainer.state.epoch_length
    (ours, *states), (theirs, *others) = ends(whole), ends(parts)
    assert theirs == pytest.approx(ours, abs=1e-6)
    for state, other in zip(states, others, strict=True):
        assert all((state[key] - other[key]).abs().max() <= 1e-6 for key in state if state[key].is_floating_point())


def test_after_a_kill(phantoms, tmp_path):
    check(phantoms, tmp_path)


@pytest.mark.slow
def test_after_a_kill_with_workers(phantoms, tmp_path):
    check(phantoms, tmp_path, num_workers=2)


def test_another_seed_ends_elsewhere(phantoms, trained, tmp_path):
    """Else the comparison above would show nothing."""
    run("brats_lora", "train", dataset_dir=phantoms, seed=1, **TRAINING, **outputs(tmp_path))
    ours, theirs = (weights(folder / "models" / "model.pt") for folder in (trained, tmp_path))
    assert any(not torch.equal(ours[key], theirs[key]) for key in ours)


def test_nothing_to_resume_starts_at_the_beginning(phantoms, tmp_path):
    knobs = {**TRAINING, "epochs": 1, **outputs(tmp_path)}
    made = run("brats_lora", "train", dataset_dir=phantoms, resume=True, **knobs)
    assert made.parser.get_parsed_content("train#trainer").state.iteration == 4


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"seed": 5}, "seed"),
        ({"epochs": 7}, "epochs"),
        ({"method#rank": 2}, "lora_a"),
        ({"folds": 2}, "epoch_length"),
    ],
    ids=["seed", "epochs", "rank", "data"],
)
def test_another_run_is_not_resumed(changed, expected, phantoms, trained, tmp_path):
    state = tmp_path / "out" / "training_state.pt"
    state.parent.mkdir()
    state.write_bytes((trained / "out" / "training_state.pt").read_bytes())
    knobs = {**TRAINING, **changed, "cache_dir": trained / "cache"}
    folders = {"output_dir": tmp_path / "out", "model_dir": tmp_path / "models"}
    message = refusal(run, "brats_lora", "train", dataset_dir=phantoms, resume=True, **knobs, **folders)
    assert expected in message
    assert str(state) in message or expected == "epochs"
    assert not (tmp_path / "models").exists()
    assert state.read_bytes() == (trained / "out" / "training_state.pt").read_bytes()
