"""The runner's commands on tiny data: what each leaves behind."""

from __future__ import annotations

import csv
import json

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segpeft.engines import load_model
from segpeft.peft import read_adapter
from tests.bundles.runs import INFERRING, TRAINING, outputs, refusal, run, weights, workflow


@pytest.fixture(scope="module")
def evaluated(phantoms, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    made = run(
        "brats_lora",
        "train",
        "evaluate",
        run_id="evaluating",
        dataset_dir=phantoms,
        model_dir=trained / "models",
        output_dir=folder,
        **TRAINING,
    )
    return folder, made.parser.get_parsed_content("validate#evaluator").state.metrics


@pytest.fixture(scope="module")
def inferred(phantoms, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inferred")
    run(
        "brats_lora",
        "inference",
        dataset_dir=phantoms,
        ckpt_path=trained / "models" / "model.pt",
        output_dir=folder,
        **INFERRING,
    )
    return folder


def network():
    return workflow("brats_lora", "inference", **INFERRING).parser.get_parsed_content("network_def").eval()


def test_training_leaves_its_files_and_no_others(trained):
    assert sorted(path.name for path in (trained / "models").rglob("*")) == [
        "adapters",
        "brats_lora.safetensors",
        "model.pt",
    ]
    names = sorted(path.name for path in (trained / "out").iterdir())
    assert names[0].startswith("events.out.tfevents")
    assert names[1:] == ["run.json", "training_state.pt"]


def test_training_reports_cost_and_metrics(trained):
    report = json.loads((trained / "out" / "run.json").read_text())
    assert report["epochs"] == 2
    assert report["iterations"] == 8
    assert report["metrics"]["cases"] == 2
    assert 0 <= report["best_metric"] <= 1
    counts = report["parameters"]
    assert 0 < counts["backbone_peft"] < counts["trainable"] < counts["total"]
    assert counts["backbone_peft"] + counts["task_head"] == counts["trainable"]


def test_tensorboard_holds_scalars_and_a_picture(trained):
    events = EventAccumulator(str(trained / "out")).Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"train/loss", "train/learning_rate", "validation/dice", "validation/dice_ET"} <= scalars
    assert len(events.Scalars("train/loss")) == 8
    assert events.Tags()["images"] == ["validation/case"]


def test_learning_rate_goes_up_and_down_within_the_run(trained):
    rates = [event.value for event in EventAccumulator(str(trained / "out")).Reload().Scalars("train/learning_rate")]
    peak = rates.index(max(rates))
    assert 0 < peak < len(rates) - 1
    assert rates[-1] < rates[0] < rates[peak] <= 0.005


def test_model_is_the_whole_network_in_float32(trained):
    state = weights(trained / "models" / "model.pt")
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    network().load_state_dict(state)  # strict


def test_training_changed_the_adapters_and_left_the_base(trained):
    state = weights(trained / "models" / "model.pt")
    assert all(value.abs().max() > 0 for key, value in state.items() if key.endswith("lora_b"))
    adapter, _ = read_adapter(trained / "models" / "adapters" / "brats_lora.safetensors")
    assert all("lora" in key for key in adapter if key.startswith("vit."))
    assert any("lora" in key for key in adapter)


def test_adapter_and_base_give_the_model(trained):
    image = torch.randn(1, 4, *INFERRING["image_size"], generator=torch.Generator().manual_seed(0))
    state = weights(trained / "models" / "model.pt")
    path = trained / "models" / "adapters" / "brats_lora.safetensors"
    whole, composed = network(), network()
    whole.load_state_dict(state)
    base = {key: value for key, value in state.items() if key.startswith("vit.") and "lora" not in key}
    composed.load_state_dict(base, strict=False)
    with torch.no_grad():
        assert not torch.equal(composed(image), whole(image))
        load_model(composed, path)
        assert torch.equal(composed(image), whole(image))


def test_inference_takes_the_adapter_file_on_its_own_base_only(phantoms, trained, tmp_path):
    path = trained / "models" / "adapters" / "brats_lora.safetensors"
    message = refusal(
        run, "brats_lora", "inference", dataset_dir=phantoms, ckpt_path=path, output_dir=tmp_path / "out", **INFERRING
    )
    assert "another base" in message
    assert not (tmp_path / "out").exists()


def test_evaluation_writes_a_table(evaluated):
    folder, metrics = evaluated
    with (folder / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["region"] for row in rows] == ["WT", "TC", "ET"] * 2
    assert set(rows[0]) == {"case", "region", "dice", "hd95", "truth_voxels", "pred_voxels", "policy"}
    summary = json.loads((folder / "cases_summary.json").read_text())
    for region in ("WT", "TC", "ET"):
        values = [float(row["dice"]) for row in rows if row["region"] == region]
        assert summary["dice"][region]["n"] == 2
        assert summary["dice"][region]["mean"] == pytest.approx(sum(values) / 2, rel=1e-5)
        assert metrics[f"dice_{region}"] == pytest.approx(sum(values) / 2, rel=1e-5)
    assert json.loads((folder / "run.json").read_text())["metrics"]["hd95"] == pytest.approx(metrics["hd95"])


def test_evaluation_and_inference_give_the_same_label_maps(evaluated, inferred):
    maps = sorted((evaluated[0] / "labels").iterdir())
    assert len(maps) == 2
    for path in maps:
        ours, theirs = nibabel.load(path), nibabel.load(inferred / path.name)
        np.testing.assert_array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))


def test_evaluation_of_the_saved_model_agrees_with_its_validation(trained, evaluated):
    best = json.loads((trained / "out" / "run.json").read_text())["best_metric"]
    assert evaluated[1]["dice"] == pytest.approx(best, abs=1e-3)  # float16 cache, interpolation on the way back


def test_inference_writes_one_label_map_a_case(phantoms, inferred):
    names = sorted(path.name for path in (phantoms / "imagesTr").iterdir())
    assert sorted(path.name for path in inferred.iterdir()) == [n.replace(".nii.gz", "_seg.nii.gz") for n in names]


def test_run_form_without_a_name(phantoms, tmp_path):
    knobs = {**TRAINING, "epochs": 1, "val_interval": 2}
    run("brats_lora", "train", dataset_dir=phantoms, **knobs, **outputs(tmp_path))
    assert (tmp_path / "models" / "model.pt").is_file()  # though it never validated


def test_demo_overlay_is_accepted_by_all_configs():
    for names in (("train", "demo"), ("train", "evaluate", "demo"), ("inference", "demo")):
        made = workflow("brats_lora", *names, dataset_dir="/absent")
        assert made.parser.get_parsed_content("network_def").peft.method.rank == made.parser["method"]["rank"]


def test_training_starts_from_a_pretrained_encoder(phantoms, pretrained, tmp_path):
    encoder, _ = pretrained
    knobs = {**TRAINING, "epochs": 1}
    run("brats_lora", "train", dataset_dir=phantoms, pretrained_encoder=encoder, **knobs, **outputs(tmp_path))
    state, given = weights(tmp_path / "models" / "model.pt"), load_file(encoder)
    shared = [key for key in given if f"vit.{key}" in state]
    assert len(shared) > 20
    assert all(torch.equal(state[f"vit.{key}"], given[key]) for key in shared)


def test_a_frozen_random_base_is_warned_about(phantoms, pretrained, tmp_path, caplog):
    def warnings_of(**knobs):
        caplog.clear()
        folder = tmp_path / str(len(knobs))
        knobs = {**TRAINING, "epochs": 1, **knobs}
        run("brats_lora", "train", dataset_dir=phantoms, **knobs, **outputs(folder))
        return [record.getMessage() for record in caplog.records if "randomly initialised" in record.getMessage()]

    assert len(warnings_of()) == 1
    assert warnings_of(pretrained_encoder=pretrained[0]) == []


@pytest.mark.parametrize(
    "method",
    [{"_target_": "segpeft.peft.Full"}, {"_target_": "segpeft.peft.DecoderOnly"}],
    ids=["full", "decoder only"],
)
def test_other_methods_are_one_override(method, phantoms, tmp_path):
    knobs = {key: value for key, value in TRAINING.items() if not key.startswith("method")}
    run("brats_lora", "train", dataset_dir=phantoms, method=method, **{**knobs, "epochs": 1}, **outputs(tmp_path))
    counts = json.loads((tmp_path / "out" / "run.json").read_text())["parameters"]
    assert (counts["backbone_peft"] > 0) == method["_target_"].endswith("Full")
