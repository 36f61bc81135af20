"""Several adapter files on one base, in inference and evaluation."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
import torch

from segpeft.engines import load_model
from segpeft.engines.ensemble_uncertainty import uncertainty
from segpeft.peft import save_adapter, trainable_state
from tests.bundles.runs import INFERRING, TRAINING, refusal, run, workflow

REGIONS = 3


@pytest.fixture(scope="module")
def adapters(trained, tmp_path_factory) -> list[str]:
    """Two adapter files on the base of the trained network, its own and a changed one."""
    network = workflow("brats_lora", "inference", **INFERRING).parser.get_parsed_content("network_def")
    load_model(network, trained / "models" / "model.pt")
    folder = tmp_path_factory.mktemp("adapters")
    torch.manual_seed(0)
    for name in ("first", "second"):
        save_adapter(network, folder / f"{name}.safetensors")
        with torch.no_grad():
            for value in trainable_state(network).values():
                value += 0.1 * torch.randn_like(value)
    return [str(folder / f"{name}.safetensors") for name in ("first", "second")]


def read(path) -> np.ndarray:
    return np.moveaxis(np.asarray(nibabel.load(path).dataobj), -1, 0)


@pytest.fixture(scope="module")
def inferred(phantoms, trained, adapters, tmp_path_factory):
    """Folders of an inference by the ensemble, and by each of its members."""
    case = str(phantoms / "imagesTr" / "BRATS_001.nii.gz")
    root = tmp_path_factory.mktemp("inferred")
    (root / "list.json").write_text(json.dumps({"testing": [{"case": "a", "image": case}]}))
    places = {"dataset_dir": root / "list.json", "ckpt_path": trained / "models" / "model.pt"}
    knobs = {**places, **INFERRING, "save_probabilities": True}
    run("brats_lora", "inference", "ensemble", **knobs, adapters=adapters, output_dir=root / "ensemble")
    for name in ("first", "second"):
        network = workflow("brats_lora", "inference", **INFERRING).parser.get_parsed_content("network_def")
        load_model(load_model(network, trained / "models" / "model.pt"), adapters[name == "second"])
        torch.save(network.state_dict(), root / f"{name}.pt")
        run("brats_lora", "inference", **{**knobs, "ckpt_path": root / f"{name}.pt"}, output_dir=root / name)
    return root, case


def test_mean_and_maps_are_those_of_the_members(inferred):
    root, _ = inferred
    members = np.stack([read(root / name / "a_probabilities.nii.gz") for name in ("first", "second")])
    np.testing.assert_allclose(read(root / "ensemble" / "a_probabilities.nii.gz"), members.mean(0), atol=1e-5)
    inside = members.max((0, 1)) > 0  # around the brain nothing was predicted
    for name, expected in uncertainty(torch.from_numpy(members)).items():
        found = read(root / "ensemble" / f"a_{name}.nii.gz")
        assert found.shape[0] == REGIONS
        np.testing.assert_allclose(found[:, inside], expected.numpy()[:, inside], atol=1e-4)
        assert found.max() > 1e-3


def test_maps_lie_on_the_grid_of_the_input(inferred):
    root, case = inferred
    image = nibabel.load(case)
    names = ["entropy", "mutual_information", "probabilities", "seg", "std"]
    assert sorted(path.name for path in (root / "ensemble").glob("*.nii.gz")) == [f"a_{name}.nii.gz" for name in names]
    for name in names:
        file = nibabel.load(root / "ensemble" / f"a_{name}.nii.gz")
        assert file.shape[:3] == image.shape[:3]
        np.testing.assert_allclose(file.affine, image.affine, atol=1e-5)


def test_evaluation_of_an_ensemble(phantoms, trained, adapters, tmp_path):
    knobs = {**TRAINING, "dataset_dir": phantoms, "output_dir": tmp_path, "model_dir": trained / "models"}
    options = {**knobs, "adapters": adapters, "calibration": True}
    run("brats_lora", "train", "evaluate", "ensemble", run_id="evaluating", **options)
    summary = json.loads((tmp_path / "cases_summary.json").read_text())
    assert summary["dice"]["mean"]["n"] == summary["ece"]["mean"]["n"] > 0
    counts = json.loads((tmp_path / "run.json").read_text())["parameters"]
    assert counts["total"] - counts["trainable"] > 0  # the base is counted once
    assert not list((tmp_path / "labels").glob("*entropy*"))


def test_an_adapter_of_another_base_is_refused(phantoms, trained, adapters, tmp_path):
    model = torch.load(trained / "models" / "model.pt")
    model["vit.blocks.0.attn.qkv.weight"] += 1
    torch.save(model, tmp_path / "other.pt")
    knobs = {**INFERRING, "dataset_dir": phantoms, "output_dir": tmp_path / "out", "ckpt_path": tmp_path / "other.pt"}
    message = refusal(run, "brats_lora", "inference", "ensemble", **knobs, adapters=adapters)
    assert message.startswith(adapters[0])
    assert "belongs to another base" in message


def test_files_without_an_ensemble_are_refused(phantoms, trained, adapters, tmp_path):
    places = {"dataset_dir": phantoms, "output_dir": tmp_path, "ckpt_path": trained / "models" / "model.pt"}
    message = refusal(run, "brats_lora", "inference", **places, **INFERRING, adapters=adapters)
    assert "adapters lists 2 files: the network is an ensemble of 0" in message
