"""One of two processes dies: the job ends with its error, and nothing goes on."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.bundles.dying import WHAT_IT_SAYS
from tests.bundles.processes import ended_in_two_processes
from tests.bundles.runs import TRAINING, config_files, outputs

CONFIGS = {"training": ("train", "multi_gpu_train"), "evaluating": ("train", "evaluate", "multi_gpu_evaluate")}
ENGINE = {"training": "train", "evaluating": "validate"}
SAID = {"error": f"RuntimeError: {WHAT_IT_SAYS}", "killed": "Signal 9 (SIGKILL)"}


@pytest.mark.parametrize(
    ("run_id", "how"),
    [
        ("training", "error"),
        pytest.param("training", "killed", marks=pytest.mark.slow),
        pytest.param("evaluating", "error", marks=pytest.mark.slow),
        pytest.param("evaluating", "killed", marks=pytest.mark.slow),
    ],
)
def test_the_job_ends_with_the_error_of_the_process_that_died(run_id, how, phantoms, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]), prepend=":")  # where `Dying` is
    overlay = tmp_path / "dying.json"
    dying = {"_target_": "tests.bundles.dying.Dying", "how": how}
    overlay.write_text(json.dumps({f"+{ENGINE[run_id]}#handlers": [dying]}))
    configs = config_files("brats_lora", *CONFIGS[run_id], str(overlay))
    knobs = {**TRAINING, "epochs": 50, "num_workers": 1, "dataset_dir": phantoms, **outputs(tmp_path)}
    if run_id == "evaluating":
        knobs.update(section="all", model_dir=trained / "models")
    assert ended_in_two_processes("brats_lora", run_id, configs, knobs, tmp_path / "log") == 1
    said = (tmp_path / "log.err").read_text()
    _, root_cause = said.split("Root Cause (first observed failure):")
    assert SAID[how] in root_cause
    assert "rank      : 1" in root_cause
    assert str(tmp_path) not in subprocess.run(["ps", "-Ao", "args"], capture_output=True, text=True, check=True).stdout
    assert not (tmp_path / "out" / "cases.csv").exists()
