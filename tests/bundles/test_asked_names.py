"""A mistyped knob is refused before anything runs; entries that something reads are welcome."""

import json

import pytest

from tests.bundles.runs import INFERRING, PRETRAINING, TRAINING, outputs, refusal, run

NEAREST = "{} is no knob of {}, nothing would read it; did you mean {}?"


def test_a_training(phantoms, tmp_path):
    said = refusal(run, "brats_lora", "train", **TRAINING, epoch=3, dataset_dir=phantoms, **outputs(tmp_path))
    assert said == NEAREST.format("epoch", "brats_lora", "epochs")
    assert not (tmp_path / "out" / "record.json").exists()


def test_an_evaluation(phantoms, trained, tmp_path):
    knobs = {**TRAINING, "dataset_dir": phantoms, "model_dir": trained / "models", "cache_dir": trained / "cache"}
    said = refusal(run, "brats_lora", "train", "evaluate", **knobs, outputdir=tmp_path, run_id="evaluating")
    assert said == NEAREST.format("outputdir", "brats_lora", "output_dir")


def test_an_inference(phantoms, trained, tmp_path):
    knobs = {**INFERRING, "dataset_dir": phantoms, "ckpt_path": trained / "models" / "model.pt"}
    said = refusal(run, "brats_lora", "inference", **knobs, output_dir=tmp_path, overlapp=0.1)
    assert said == NEAREST.format("overlapp", "brats_lora", "overlap")
    assert not list(tmp_path.iterdir())


def test_a_pretraining(phantoms, tmp_path):
    knobs = {**PRETRAINING, "dataset_dir": phantoms, "output_dir": tmp_path}
    said = refusal(run, "vit_mae", "train", **knobs, maskratio=0.5)
    assert said.startswith("maskratio is no knob of vit_mae")


def test_a_name_like_no_other(phantoms, tmp_path):
    said = refusal(run, "brats_lora", "train", **TRAINING, zzz=1, dataset_dir=phantoms, **outputs(tmp_path))
    assert said == "zzz is no knob of brats_lora, nothing would read it"


@pytest.mark.parametrize("read", [True, False])
def test_an_entry_of_ones_own_needs_a_reader(read, phantoms, tmp_path):
    overlay = tmp_path / "overlay.json"
    overlay.write_text(json.dumps({"power": 0.9, "max_lr": "$0.001 * @power" if read else 0.001}))
    knobs = {**TRAINING, "epochs": 1, "dataset_dir": phantoms, **outputs(tmp_path)}
    if read:
        run("brats_lora", "train", str(overlay), **knobs)
        assert json.loads((tmp_path / "out" / "record.json").read_text())["config"]["power"] == 0.9
    else:
        assert refusal(run, "brats_lora", "train", str(overlay), **knobs).startswith("power is no knob")
