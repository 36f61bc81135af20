"""Training and evaluation in two processes, joined by gloo, as `torchrun` starts them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.bundles.processes import in_two_processes
from tests.bundles.runs import (
    PRETRAINING,
    PRETRAINING_SWIN,
    SEGMENTING,
    SHORT,
    config_files,
    outputs,
    run,
    weights,
)

KEEP_WEIGHTS = {
    "imports": ["$import os", "$import torch", "$import segpeft"],
    "finalize": [
        "$torch.save(@network.state_dict(), os.path.join(@output_dir, 'rank' + os.environ['RANK'] + '.pt'))",
        "$torch.distributed.destroy_process_group()",
    ],
}


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
    knobs = {**knobs, **outputs(tmp_path)}
    in_two_processes(bundle, "training", configs, knobs, tmp_path / "log")
    ranks = [weights(tmp_path / "out" / f"rank{rank}.pt") for rank in range(2)]
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    saved = weights(tmp_path / "models" / "model.pt")
    assert all(torch.equal(saved[key], ranks[0][f"module.{key}"]) for key in saved)
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert report["iterations"] == 2  # four cases, two processes
    assert report["metrics"]["cases"] == 2
    assert len(list((tmp_path / "out").glob("events*"))) == 1
    record = json.loads((tmp_path / "out" / "record.json").read_text())
    assert (record["processes"], len(record["data"]["training"])) == (2, 4)


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
    knobs = {**settings, "epochs": 1, "validation_share": 0.0, "num_workers": 2}
    knobs.update(dataset_dir=tmp_path / "set", **outputs(tmp_path))
    in_two_processes("vit_mae", "training", configs, knobs, tmp_path / "log")
    ranks = [weights(tmp_path / "out" / f"rank{rank}.pt") for rank in range(2)]
    assert all(torch.equal(ranks[0][key], ranks[1][key]) for key in ranks[0])
    assert json.loads((tmp_path / "out" / "run.json").read_text())["iterations"] == 3
    encoder = load_file(tmp_path / "models" / "pretrained" / "encoder.safetensors")
    prefix = "module.swin." if names else "module."
    assert torch.equal(encoder[key], ranks[0][f"{prefix}{key}"])


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "cases.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "subject",
    ["brats_lora", *(pytest.param(name, marks=pytest.mark.slow) for name in ("prostate_lora", "kits_medtuning"))],
    indirect=True,
)
def test_evaluation_gives_the_metrics_of_one_process(subject, tmp_path):
    """Three cases: one process has two of them, the other one."""
    knobs = {**subject.training, "folds": 2, "calibration": True, "model_dir": subject.trained / "models"}
    run(subject.bundle, "train", "evaluate", output_dir=tmp_path / "one", **knobs)
    configs = config_files(subject.bundle, "train", "evaluate", "multi_gpu_evaluate")
    in_two_processes(subject.bundle, "evaluating", configs, {**knobs, "output_dir": tmp_path / "two"}, tmp_path / "log")
    rows = table(tmp_path / "one")
    assert rows == table(tmp_path / "two")
    assert len({row["case"] for row in rows}) == 3
    for name in ("cases_summary", "run"):
        one, two = (json.loads((tmp_path / folder / f"{name}.json").read_text()) for folder in ("one", "two"))
        assert one.get("metrics", one) == two.get("metrics", two)
    assert len(list((tmp_path / "two" / "labels").iterdir())) == 3


@pytest.mark.slow
def test_inference_shares_the_cases(subject, tmp_path):
    knobs = {**subject.inferring, "ckpt_path": subject.model}
    run(subject.bundle, "inference", output_dir=tmp_path / "one", **knobs)
    configs = config_files(subject.bundle, "inference", "multi_gpu_evaluate")
    in_two_processes(subject.bundle, "inference", configs, {**knobs, "output_dir": tmp_path / "two"}, tmp_path / "log")
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.nii.gz")} for name in ("one", "two")
    )
    assert len(one) == 6
    assert one == two
