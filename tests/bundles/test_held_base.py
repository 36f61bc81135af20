"""The knob `hold_base` of evaluation and inference: a smaller base, nearly the same result."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segpeft.peft import base_bytes
from tests.bundles.runs import Subject, refusal, run
from tests.peft.test_hold_base import INT8


@pytest.mark.parametrize("form", ["bf16", INT8])
def test_evaluation(subject: Subject, form: str, tmp_path: Path) -> None:
    scores, bytes_held = {}, {}
    for held in (None, form):
        out = tmp_path / str(held)
        knobs = {**subject.training, "ckpt_path": subject.model, "output_dir": out, "hold_base": held}
        done = run(subject.bundle, "train", "evaluate", run_id="evaluating", **knobs)
        summary = json.loads((out / "cases_summary.json").read_text())
        scores[held] = [region["mean"] for region in summary["dice"].values()]
        bytes_held[held] = base_bytes(done.parser.get_parsed_content("network"))
    assert bytes_held[form] < 0.9 * bytes_held[None]
    np.testing.assert_allclose(scores[form], scores[None], atol=0.05)


def test_inference(subject: Subject, tmp_path: Path) -> None:
    maps = {}
    for held in (None, "bf16"):
        knobs = {**subject.inferring, "ckpt_path": subject.model, "output_dir": tmp_path / str(held), "hold_base": held}
        run(subject.bundle, "inference", **knobs)
        written = sorted((tmp_path / str(held)).rglob("*.nii.gz"))
        assert written
        maps[held] = np.concatenate([np.asarray(nibabel.load(path).dataobj).ravel() for path in written])
    assert np.mean(maps["bf16"] == maps[None]) > 0.97


def test_unknown_form(subject: Subject, tmp_path: Path) -> None:
    knobs = {**subject.inferring, "ckpt_path": subject.model, "output_dir": tmp_path, "hold_base": "int4"}
    assert refusal(run, subject.bundle, "inference", **knobs) == "base in 'int4': expected one of bf16, int8"
