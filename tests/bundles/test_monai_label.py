"""What MONAI Label 0.8.5 does with a bundle, step by step and without it: how it reads, overrides, runs and writes.

The real server is in ``tests/benchmarks/test_monai_label.py``.
"""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import monai.bundle
import nibabel
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import LoadImaged, Resize, SaveImaged

from segpeft.data.datalist import find_cases
from tests.bundles.runs import BUNDLES, CHANNELS, SHORT, Subject, plain, save_volume, weights


@pytest.fixture
def served(subject: Subject, tmp_path: Path) -> Path:
    """A copy of the bundle as a server has it: small knobs in both configs, weights, nothing else."""
    folder = tmp_path / "model" / subject.bundle
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    for name in ("train", "inference"):
        parser = ConfigParser(json.loads((BUNDLES / subject.bundle / "configs" / f"{name}.json").read_text()))
        for knob, value in plain({**subject.inferring, **SHORT}).items():
            if knob.split("#")[0] in parser.config and knob != "dataset_dir":
                parser[knob] = value
        (folder / "configs" / f"{name}.json").write_text(json.dumps(parser.config))
    (folder / "configs" / "metadata.json").write_bytes(
        (BUNDLES / subject.bundle / "configs" / "metadata.json").read_bytes()
    )
    (folder / "models" / "model.pt").write_bytes(subject.model.read_bytes())
    return folder


@pytest.fixture
def studies(subject: Subject, tmp_path: Path) -> list[dict[str, str]]:
    """Two labelled studies: channels in files are laid out as a server needs them."""
    entries = []
    for case in find_cases(subject.data, CHANNELS[subject.bundle])[:2]:
        root = tmp_path / "studies"
        folders = [root, *(root / channel for channel in CHANNELS[subject.bundle][1:])]
        for folder, path in zip(folders, case.images, strict=False):
            image = nibabel.load(path)
            save_volume(folder / f"{case.name}.nii.gz", np.asarray(image.dataobj), image.affine)
        entries.append({"image": str(root / f"{case.name}.nii.gz"), "label": str(case.label)})
    return entries


def restored(data: dict[str, Any]) -> tuple[np.ndarray, Any]:
    """Label's last step: resizes to the shape in the image's meta data, and takes its affine; turns nothing."""
    meta, answer = data["image"].meta, data["pred"]
    shape = tuple(int(size) for size in meta["spatial_shape"][-3:])
    if tuple(answer.shape[1:]) != shape:
        answer = Resize(shape, mode="nearest")(answer)
    return answer[0].numpy(), meta["original_affine"]


def answer_of(folder: Path, image: str) -> tuple[np.ndarray, Any]:
    """Inference as the server does it for one request."""
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "inference.json"))
    parser.config.update({"bundle_root": str(folder), "use_click": False, "device": "cpu"})
    network = copy.deepcopy(parser.get_parsed_content("network_def"))
    network.load_state_dict(weights(folder / "models" / "model.pt"), strict=False)
    before = list(parser.get_parsed_content("preprocessing").transforms)
    after = [
        step for step in parser.get_parsed_content("postprocessing").transforms if not isinstance(step, SaveImaged)
    ]
    data: dict[str, Any] = {"model": folder.name, "image": image, "image_path": image, "device": "cpu", "latencies": {}}
    for step in before:
        if isinstance(step, LoadImaged):
            step._loader.image_only = False
        data = step(data)
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network.eval())[0]
    for step in after:
        data = step(data)
    assert isinstance(data["pred"], MetaTensor)
    return restored(data)


def test_an_answer_is_what_the_bundles_own_inference_writes(subject, served, studies, tmp_path):
    image = studies[0]["image"]
    answer, affine = answer_of(served, image)
    parser = ConfigParser()
    parser.read_config(str(served / "configs" / "inference.json"))
    listed = tmp_path / "own.json"
    first = Path(image)
    files = [first, *(first.parent / channel / first.name for channel in CHANNELS[subject.bundle][1:])]
    listed.write_text(json.dumps({"test": [{"image": [str(path) for path in files if path.exists()]}]}))
    parser.config.update({"bundle_root": str(served), "device": "cpu", "dataset_dir": str(listed)})
    parser.get_parsed_content("run")
    written = nibabel.load(next((served / "eval" / "inference").glob("*_seg.nii.gz")))
    assert answer.dtype == np.uint8
    assert answer.shape == nibabel.load(image).shape[:3]
    np.testing.assert_array_equal(answer, np.asarray(written.dataobj))
    np.testing.assert_allclose(affine, nibabel.load(image).affine, atol=1e-5)


@pytest.mark.parametrize("run_id", ["run", ""], ids=["by Label", "by Slicer"])
def test_one_epoch_is_trained_once_and_leaves_new_weights(served, studies, run_id, caplog):
    model = served / "models" / "model.pt"
    before = model.read_bytes()
    handlers = json.loads((served / "configs" / "train.json").read_text())["train"]["handlers"]
    loader = {"_target_": "CheckpointLoader", "load_path": str(model), "load_dict": {"model": "$@network"}}
    caplog.set_level(logging.INFO)
    monai.bundle.run(
        run_id=run_id,
        init_id=None,
        final_id=None,
        meta_file=str(served / "configs" / "metadata.json"),
        config_file=str(served / "configs" / "train.json"),
        **{
            "bundle_root": str(served),
            "train#trainer#max_epochs": 1,
            "train#dataset#data": studies,
            "validate#dataset#data": [],
            "device": "cpu",
            "train#handlers": [{**loader, "strict": False}, *handlers],
        },
    )
    assert sum("epoch 1/1" in record.getMessage() for record in caplog.records) == 1
    assert model.read_bytes() != before


def test_the_network_can_be_drawn_from_for_scoring(served):
    parser = ConfigParser()
    parser.read_config(str(served / "configs" / "inference.json"))
    parser["network_def"]["dropout"] = 0.2
    parser.config.update({"bundle_root": str(served), "device": "cpu"})
    network = copy.deepcopy(parser.get_parsed_content("network_def")).train()
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Dropout)]
    assert layers
    assert {layer.p for layer in layers} == {0.2}
