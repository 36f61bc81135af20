"""The demonstration learns, and its prediction is worse without its adapters or with those of another channel.

It runs for minutes; ``SEGPEFT_DEMO`` names the folder of a run that is there already (``make demo`` makes demo_out).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from segpeft.bundle.command import bundle_command
from segpeft.bundle.process import run_logged

pytestmark = pytest.mark.slow
BUNDLES = Path(__file__).parents[2] / "bundles"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    made = os.environ.get("SEGPEFT_DEMO")
    out = Path(made).resolve() if made else tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "segpeft.demo", "--bundles", str(BUNDLES), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def dice(summary):
    return {region: scores["mean"] for region, scores in json.loads(summary.read_text())["dice"].items()}


def test_every_region_is_learned(demo):
    scores = dice(demo[0] / "evaluation" / "cases_summary.json")
    assert min(scores[region] for region in ("WT", "TC", "ET")) >= 0.5, scores
    assert scores["mean"] >= 0.7, scores


def test_says_what_it_found_and_where(demo):
    out, text = demo
    for wanted in ("WT", "TC", "ET", "HD95", "trained", "peak memory", "label maps:", "picture:"):
        assert wanted in text
    assert (out / "demo.png").stat().st_size > 10_000
    assert len(list((out / "inference").glob("*_seg.nii.gz"))) == 4


def test_second_run_reuses_everything(demo):
    out, _ = demo
    command = [sys.executable, "-m", "segpeft.demo", "--bundles", str(BUNDLES), "--out", str(out)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.count(": reused, ") == 7


@pytest.mark.parametrize("change", ["zeroed", "permuted"])
def test_changed_adapters_lower_the_dice(demo, change):
    out, _ = demo
    state = torch.load(out / "training" / "model.pt", weights_only=True)
    adapters = [key for key in state if key.endswith(("lora_a", "lora_b"))]
    assert adapters
    for key in adapters:
        if change == "permuted":
            state[key] = state[key].roll(1, 0)
        elif key.endswith("lora_b"):
            state[key] = torch.zeros_like(state[key])
    torch.save(state, out / f"{change}.pt")
    knobs = {
        "dataset_dir": out / "data" / "unseen",
        "section": "all",
        "ckpt_path": out / f"{change}.pt",
        "output_dir": out / change,
    }
    command = bundle_command("evaluating", ["train.json", "evaluate.json", "demo.json"], knobs)
    assert run_logged(command, BUNDLES / "brats_lora", out / "logs" / f"{change}.log") == 0
    changed, whole = (dice(out / name / "cases_summary.json")["mean"] for name in (change, "evaluation"))
    assert changed < whole - 0.01, (changed, whole)
