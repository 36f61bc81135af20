"""What MONAI's own tools ask of a bundle: properties and shapes of the network."""

from __future__ import annotations

import pytest
from monai.bundle import verify_net_in_out

from tests.bundles.runs import BUNDLES, PRETRAINING, SEGMENTING, TRAINING, config_files, run, workflow

FORMAT = "_meta_#network_data_format"
SHAPES = [f"{FORMAT}#{side}#spatial_shape" for side in ("inputs#image", "outputs#pred")]


def meta_file(bundle: str) -> str:
    return str(BUNDLES / bundle / "configs" / "metadata.json")


@pytest.mark.parametrize("config", ["train", "inference"])
@pytest.mark.parametrize("with_data", [False, True], ids=["no data", "data"])
def test_no_property_is_missing(config, with_data, subject):
    knobs = subject.training if config == "train" else subject.inferring
    made = workflow(subject.bundle, config, **(knobs if with_data else {**knobs, "dataset_dir": "/no/such/folder"}))
    assert made.check_properties() == []


@pytest.mark.parametrize("with_data", [False, True], ids=["no data", "data"])
def test_no_property_of_the_pretraining_is_missing(with_data, phantoms):
    made = workflow("vit_mae", "train", dataset_dir=phantoms if with_data else "/no/such/folder", **PRETRAINING)
    assert made.check_properties() == []


def test_properties_that_are_set_from_outside_are_heard(phantoms, tmp_path):
    """Tools change a workflow by its properties, before it is initialized again."""
    made = workflow("brats_lora", "train", **TRAINING)
    made.dataset_dir, made.max_epochs, made.bundle_root = str(phantoms), 1, str(tmp_path)
    made.initialize()
    made.run()
    assert made.trainer.state.epoch == 1
    assert (tmp_path / "models" / "model.pt").is_file()


def test_data_that_a_server_hands_over_are_used(phantoms, tmp_path):
    """MONAI Label replaces both data lists by its own and asks for `run`."""
    images = sorted((phantoms / "imagesTr").glob("*.nii.gz"))
    items = [{"image": str(image), "label": str(phantoms / "labelsTr" / image.name)} for image in images]
    data = {"train#dataset#data": items[:3], "validate#dataset#data": items[3:4]}
    made = run("brats_lora", "train", dataset_dir="/absent", **{**TRAINING, "epochs": 1}, **data, bundle_root=tmp_path)
    assert made.parser.get_parsed_content("train#trainer").state.iteration == 3
    assert (tmp_path / "models" / "model.pt").is_file()


def test_a_training_without_validation_data_still_saves(phantoms, tmp_path):
    images = sorted((phantoms / "imagesTr").glob("*.nii.gz"))
    items = [{"image": str(image), "label": str(phantoms / "labelsTr" / image.name)} for image in images[:2]]
    data = {"train#dataset#data": items, "validate#dataset#data": []}
    with pytest.warns(UserWarning, match="validation skipped"):
        run("brats_lora", "train", dataset_dir="/absent", **{**TRAINING, "epochs": 1}, **data, bundle_root=tmp_path)
    assert (tmp_path / "models" / "model.pt").is_file()


@pytest.mark.parametrize("bundle", SEGMENTING)
@pytest.mark.parametrize("config", ["train", "inference"])
def test_verify_net_in_out(bundle, config):
    small = SEGMENTING[bundle]
    knobs = {**small, **dict.fromkeys(SHAPES, small["image_size"]), "device": "cpu"}
    knobs.update(meta_file=meta_file(bundle), config_file=config_files(bundle, config))
    verify_net_in_out("network_def", n=1, p=1, **knobs)
    with pytest.raises(ValueError, match="output channel number"):
        verify_net_in_out("network_def", label_scheme=_one_region(), **knobs)


def _one_region() -> dict:
    return {"name": "lesion", "regions": {"lesion": [1]}}


@pytest.mark.slow
@pytest.mark.parametrize("bundle", SEGMENTING)
def test_verify_net_in_out_of_the_shipped_network(bundle):
    knobs = {"meta_file": meta_file(bundle), "config_file": config_files(bundle, "inference"), "device": "cpu"}
    verify_net_in_out("network_def", **knobs)
