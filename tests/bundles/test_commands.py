"""The runner's commands on tiny data: what each leaves behind."""

from __future__ import annotations

import csv
import json
import os

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from segpeft.data import CaseList
from segpeft.data.datalist import find_cases
from segpeft.engines import load_model
from segpeft.peft import read_adapter, trainable_state
from tests.bundles.runs import (
    BUNDLES,
    CHANNELS,
    REGIONS,
    SEGMENTING,
    TRAINING,
    outputs,
    refusal,
    run,
    weights,
    workflow,
)


@pytest.fixture(scope="session")
def evaluated(subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    knobs = {**subject.training, "model_dir": subject.trained / "models", "output_dir": folder}
    made = run(subject.bundle, "train", "evaluate", run_id="evaluating", **knobs)
    return folder, made.parser.get_parsed_content("validate#evaluator").state.metrics


@pytest.fixture(scope="session")
def inferred(subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inferred")
    run(subject.bundle, "inference", ckpt_path=subject.model, output_dir=folder, **subject.inferring)
    return folder


def network(subject):
    return workflow(subject.bundle, "inference", **subject.inferring).parser.get_parsed_content("network_def").eval()


def test_training_leaves_its_files_and_no_others(subject):
    expected = {"adapters", f"{subject.bundle}.safetensors", "model.pt"}
    assert {path.name for path in (subject.trained / "models").rglob("*")} == expected
    names = sorted(path.name for path in (subject.trained / "out").iterdir())
    assert names[0].startswith("events.out.tfevents")
    assert names[1:] == ["record.json", "run.json", "training_state.pt"]


def test_training_reports_cost_and_metrics(subject):
    report = json.loads((subject.trained / "out" / "run.json").read_text())
    assert report["epochs"] == 2
    assert report["iterations"] == 8
    assert report["metrics"]["cases"] == 2
    assert 0 <= report["best_metric"] <= 1
    counts = report["parameters"]
    assert 0 < counts["backbone_peft"] < counts["trainable"] < counts["total"]
    assert counts["backbone_peft"] + counts["task_head"] == counts["trainable"]


def test_tensorboard_holds_scalars_and_a_picture(subject):
    events = EventAccumulator(str(subject.trained / "out")).Reload()
    scalars = set(events.Tags()["scalars"])
    assert {
        "train/loss",
        "train/learning_rate",
        "validation/dice",
        f"validation/dice_{REGIONS[subject.bundle][-1]}",
    } <= scalars
    assert len(events.Scalars("train/loss")) == 8
    assert events.Tags()["images"] == ["validation/case"]


def test_learning_rate_goes_up_and_down_within_the_run(subject):
    rates = [
        event.value for event in EventAccumulator(str(subject.trained / "out")).Reload().Scalars("train/learning_rate")
    ]
    peak = rates.index(max(rates))
    assert 0 < peak < len(rates) - 1
    assert rates[-1] < rates[0] < rates[peak] <= 0.005


def test_model_is_the_whole_network_in_float32(subject):
    state = weights(subject.model)
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    network(subject).load_state_dict(state)  # strict


def test_training_changed_the_adapters_and_left_the_base(subject):
    fresh, state = network(subject), weights(subject.model)
    adapter, _ = read_adapter(subject.adapter)
    assert set(adapter) == set(trainable_state(fresh))
    backbone = {key: value for key, value in fresh.named_parameters() if fresh.peft.in_backbone(key)}
    assert not all(value.requires_grad for value in backbone.values())
    zero = [key for key, value in backbone.items() if value.requires_grad and not value.any()]
    assert zero
    assert all(state[key].any() for key in zero)


def test_adapter_and_base_give_the_model(subject):
    image = subject.image()
    state = weights(subject.model)
    path = subject.adapter
    whole, composed = network(subject), network(subject)
    whole.load_state_dict(state)
    composed.load_state_dict({key: state[key] for key in set(state) - set(trainable_state(whole))}, strict=False)
    with torch.no_grad():
        assert not torch.equal(composed(image), whole(image))
        load_model(composed, path)
        assert torch.equal(composed(image), whole(image))


def test_inference_takes_the_adapter_file_on_its_own_base_only(subject, tmp_path):
    knobs = {**subject.inferring, "ckpt_path": subject.adapter, "output_dir": tmp_path / "out"}
    torch.manual_seed(99)  # of the base that is drawn here: another one than the training's
    message = refusal(run, subject.bundle, "inference", **knobs)
    assert "another base" in message
    assert not (tmp_path / "out").exists()


def test_evaluation_writes_a_table(subject, evaluated):
    folder, metrics = evaluated
    with (folder / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["region"] for row in rows] == REGIONS[subject.bundle] * 2
    assert set(rows[0]) == {"case", "region", "dice", "hd95", "truth_voxels", "pred_voxels", "policy"}
    summary = json.loads((folder / "cases_summary.json").read_text())
    for region in REGIONS[subject.bundle]:
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


def test_evaluation_of_the_saved_model_agrees_with_its_validation(subject, evaluated):
    best = json.loads((subject.trained / "out" / "run.json").read_text())["best_metric"]
    # a float16 cache and interpolation on the way back; where there is a spacing, another grid as well
    tolerance = 0.05 if subject.inferring.get("spacing") else 1e-3
    assert evaluated[1]["dice"] == pytest.approx(best, abs=tolerance)


def test_inference_writes_one_label_map_a_case(subject, inferred):
    cases = [item["case"] for item in CaseList(subject.data, channels=CHANNELS[subject.bundle])]
    assert len(cases) == 6
    names = sorted(path.name for path in inferred.iterdir())
    assert names == sorted(["record.json", *(f"{case}_seg.nii.gz" for case in cases)])


def test_every_run_leaves_a_record(subject, evaluated, inferred):
    folders = {"training": subject.trained / "out", "evaluation": evaluated[0], "inference": inferred}
    for kind, folder in folders.items():
        record = json.loads((folder / "record.json").read_text())
        assert record["kind"] == kind
        assert (
            record["bundle"] == json.loads((BUNDLES / subject.bundle / "configs" / "metadata.json").read_text())["name"]
        )
        assert record["config"]["output_dir"] == str(folder)
        assert not record["lost"]
        cases = {case.name: case for case in find_cases(subject.data, CHANNELS[subject.bundle])}
        for entry in record["data"][kind]:
            case = cases[entry["case"]]
            assert entry["label"] == (None if kind == "inference" else os.path.abspath(case.label))
            assert entry["image"] == ([*case.images] if len(case.images) > 1 else case.images[0])
            assert None not in entry["bytes"]
    assert len(record["data"]["inference"]) == 6


def test_run_form_without_a_name(subject, tmp_path):
    knobs = {**subject.training, "epochs": 1, "val_interval": 2}
    run(subject.bundle, "train", **knobs, **outputs(tmp_path))
    assert (tmp_path / "models" / "model.pt").is_file()  # though it never validated


@pytest.mark.parametrize("bundle", SEGMENTING)
def test_demo_overlay_is_accepted_by_all_configs(bundle):
    for names in (("train", "demo"), ("train", "evaluate", "demo"), ("inference", "demo")):
        made = workflow(bundle, *names, dataset_dir="/absent")
        method = made.parser.get_parsed_content("network_def").peft.method
        asked = {name: value for name, value in made.parser["method"].items() if isinstance(value, int | float)}
        assert asked == {name: getattr(method, name) for name in asked} != {}


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
def test_other_methods_are_one_override(method, subject, tmp_path):
    knobs = {key: value for key, value in subject.training.items() if not key.startswith("method")}
    run(subject.bundle, "train", method=method, **{**knobs, "epochs": 1}, **outputs(tmp_path))
    counts = json.loads((tmp_path / "out" / "run.json").read_text())["parameters"]
    assert (counts["trainable"] == counts["total"]) == method["_target_"].endswith("Full")
    if method["_target_"].endswith("DecoderOnly"):  # an encoder of slices tunes its position embedding and last norm
        assert (counts["backbone_peft"] > 0) == (subject.bundle == "kits_medtuning")
