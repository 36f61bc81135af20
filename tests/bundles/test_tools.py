"""What MONAI's own tools ask of a bundle: properties, shapes of the network, TorchScript."""

from __future__ import annotations

import pytest
import torch
from monai.bundle import ckpt_export, verify_net_in_out

from tests.bundles.runs import BUNDLES, INFERRING, PRETRAINING, TRAINING, config_files, run, weights, workflow

WINDOW = (1, 4, *INFERRING["image_size"])
FORMAT = "_meta_#network_data_format"
SHAPE = {f"{FORMAT}#{side}#spatial_shape": list(WINDOW[2:]) for side in ("inputs#image", "outputs#pred")}
META = str(BUNDLES / "brats_lora" / "configs" / "metadata.json")


@pytest.mark.parametrize(
    ("bundle", "config", "knobs"),
    [
        ("brats_lora", "train", TRAINING),
        ("brats_lora", "inference", INFERRING),
        ("vit_mae", "train", PRETRAINING),
    ],
)
@pytest.mark.parametrize("with_data", [False, True], ids=["no data", "phantoms"])
def test_no_property_is_missing(bundle, config, knobs, with_data, phantoms):
    made = workflow(bundle, config, dataset_dir=str(phantoms) if with_data else "/no/such/folder", **knobs)
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


@pytest.mark.parametrize("config", ["train", "inference"])
def test_verify_net_in_out(config):
    knobs = {**INFERRING, **SHAPE}
    files = config_files("brats_lora", config)
    verify_net_in_out("network_def", meta_file=META, config_file=files, device="cpu", n=1, p=1, **knobs)
    with pytest.raises(ValueError, match="output channel number"):
        verify_net_in_out(
            "network_def", meta_file=META, config_file=files, device="cpu", label_scheme=_one_region(), **knobs
        )


def _one_region() -> dict:
    return {"name": "lesion", "regions": {"lesion": [1]}}


@pytest.mark.slow
def test_verify_net_in_out_of_the_shipped_network():
    verify_net_in_out("network_def", meta_file=META, config_file=config_files("brats_lora", "inference"), device="cpu")


def test_exported_torchscript_gives_the_same(trained, tmp_path):
    exported = tmp_path / "model.ts"
    ckpt_export(
        "network_def",
        filepath=str(exported),
        ckpt_file=str(trained / "models" / "model.pt"),
        meta_file=META,
        config_file=config_files("brats_lora", "inference"),
        **INFERRING,
    )
    network = workflow("brats_lora", "inference", **INFERRING).parser.get_parsed_content("network_def").eval()
    network.load_state_dict(weights(trained / "models" / "model.pt"))
    image = torch.randn(WINDOW, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, found = network(image), torch.jit.load(str(exported)).eval()(image)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
