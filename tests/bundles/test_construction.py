"""Building everything that a config describes reads and writes nothing: a server does it before there are data."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bundles.runs import (
    BUNDLES,
    INFERRING,
    PRETRAINING,
    PRETRAINING_SWIN,
    SEGMENTING,
    SHORT,
    TRAINING,
    workflow,
)

CASES = {
    f"{bundle} {names[-1]}": (bundle, names, knobs if names[0] == "inference" else {**knobs, **SHORT})
    for bundle, knobs in SEGMENTING.items()
    for names in (("train",), ("train", "evaluate"), ("inference",))
}
CASES["vit_mae train"] = ("vit_mae", ("train",), PRETRAINING)
CASES["vit_mae train_swin"] = ("vit_mae", ("train", "train_swin"), PRETRAINING_SWIN)
opened: list[str] = []


def _note(event: str, arguments: tuple) -> None:
    if event in ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove"):
        opened.append(f"{event} {arguments[0]}")


@pytest.fixture(scope="module", autouse=True)
def _audit():
    sys.addaudithook(_note)  # cannot be removed; it only appends to a list


@pytest.mark.parametrize("name", CASES)
def test_everything_is_built_without_data_and_without_touching_the_disk(name, tmp_path, monkeypatch):
    bundle, configs, knobs = CASES[name]
    monkeypatch.chdir(tmp_path)
    made = workflow(bundle, *configs, bundle_root=str(tmp_path), dataset_dir=str(tmp_path / "absent"), **knobs)
    content = [key for key in made.parser.config if key not in ("run", "training", "evaluating", "inference")]
    opened.clear()
    for key in content:
        made.parser.get_parsed_content(key)
    assert [entry for entry in opened if str(tmp_path) in entry] == []
    assert list(tmp_path.iterdir()) == []


def test_the_audit_sees_a_folder_being_read(tmp_path):
    opened.clear()
    os.listdir(tmp_path)
    assert opened == [f"os.listdir {tmp_path}"]


@pytest.mark.parametrize("name", CASES)
def test_device_may_be_a_string(name):
    bundle, configs, knobs = CASES[name]
    parser = workflow(bundle, *configs, device="cpu", dataset_dir="/absent", **knobs).parser
    engine = {"train": "train#trainer", "evaluate": "validate#evaluator", "inference": "evaluator"}
    built = parser.get_parsed_content(engine[configs[-1].removesuffix("_swin")])
    assert next(built.network.parameters()).device.type == "cpu"


def test_default_device_is_one_of_torch():
    parser = workflow("brats_lora", "inference", device="$torch.device('cpu')", **INFERRING).parser
    assert parser.get_parsed_content("evaluator") is not None


def test_a_workflow_is_made_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parser = workflow("brats_lora", "train", **TRAINING).parser
    assert parser.get_parsed_content("model_dir") == str(BUNDLES / "brats_lora" / "models")


def test_paths_start_in_the_bundle_by_default(monkeypatch):
    monkeypatch.chdir(BUNDLES / "brats_lora")
    parser = workflow("brats_lora", "inference", bundle_root=".", **INFERRING).parser
    assert Path(parser.get_parsed_content("ckpt_path")).resolve() == BUNDLES / "brats_lora" / "models" / "model.pt"
