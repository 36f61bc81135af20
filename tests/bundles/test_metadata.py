"""What the Model Zoo and MONAI Label read about a bundle."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from segpeft.data import label_scheme
from tests.bundles.runs import BUNDLES, workflow

SCHEMA = Path(os.environ.get("SEGPEFT_META_SCHEMA", "/no/such/file"))
FINE_TUNING = ["brats_lora", "prostate_lora"]
NAMES = [*FINE_TUNING, "vit_mae"]
REQUIRED = [
    "schema",
    "version",
    "monai_version",
    "pytorch_version",
    "numpy_version",
    "required_packages_version",
    "task",
    "description",
    "authors",
    "copyright",
    "network_data_format",
    "changelog",
    "name",
]
TENSOR = {"type": str, "format": str, "num_channels": int, "spatial_shape": list, "dtype": str, "value_range": list}
TASKS_OF_LABEL = ("detection", "deepedit", "deepgrow", "classification")  # by name alone, MONAI Label takes them for it


def metadata(bundle: str) -> dict[str, Any]:
    return json.loads((BUNDLES / bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))


def tensors(bundle: str) -> list[dict[str, Any]]:
    described = metadata(bundle)["network_data_format"]
    return [*described["inputs"].values(), *described["outputs"].values()]


@pytest.mark.parametrize("bundle", NAMES)
def test_required_keys(bundle):
    found = metadata(bundle)
    assert [key for key in REQUIRED if not found.get(key)] == []
    assert found["schema"].endswith("meta_schema_20240725.json")
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in found["required_packages_version"].values())


@pytest.mark.parametrize("bundle", NAMES)
def test_version_is_in_the_changelog(bundle):
    found = metadata(bundle)
    assert found["changelog"][found["version"]]
    assert re.fullmatch(r"\d\.\d\.\d", found["version"]), "the zoo sorts versions as text: one digit a part"


@pytest.mark.parametrize("bundle", NAMES)
def test_names(bundle):
    assert "_v" not in bundle.replace("vit", "")
    assert not any(task in bundle for task in TASKS_OF_LABEL)
    assert list(metadata(bundle)["network_data_format"]["inputs"])[0] == "image"
    assert list(metadata(bundle)["network_data_format"]["outputs"])[0] == "pred"


@pytest.mark.parametrize("bundle", NAMES)
def test_tensors_are_described(bundle):
    for tensor in tensors(bundle):
        assert {key: type(tensor.get(key)) for key in TENSOR} == TENSOR
        low, high = tensor["value_range"]
        assert low < high
        assert all(isinstance(size, int) and size > 1 for size in tensor["spatial_shape"])
        assert len(tensor["channel_def"]) in (0, tensor["num_channels"], tensor["num_channels"] + 1)  # with background


@pytest.mark.skipif(not SCHEMA.is_file(), reason="SEGPEFT_META_SCHEMA names no file with the official schema")
@pytest.mark.parametrize("bundle", NAMES)
def test_official_schema(bundle):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(metadata(bundle), json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("bundle", "scheme"), [("brats_lora", "msd"), ("prostate_lora", "msd_prostate")])
def test_label_values_are_those_of_the_scheme(bundle, scheme):
    outputs = metadata(bundle)["network_data_format"]["outputs"]["pred"]
    scheme = label_scheme(scheme)
    assert outputs["channel_def"] == scheme.channel_def
    assert [int(value) for value in scheme.channel_def] == list(range(len(scheme.channel_def)))  # Label wants it so
    assert outputs["num_channels"] == len(scheme.regions)


@pytest.mark.parametrize("bundle", FINE_TUNING)
@pytest.mark.parametrize("config", ["train", "inference"])
def test_shipped_knobs_are_described(bundle, config):
    parser = workflow(bundle, config).parser
    image = metadata(bundle)["network_data_format"]["inputs"]["image"]
    assert list(image["channel_def"].values()) == parser["channels"]
    assert image["num_channels"] == len(parser["channels"])
    assert image["spatial_shape"] == parser["image_size"]
    outputs = metadata(bundle)["network_data_format"]["outputs"]["pred"]
    assert outputs["spatial_shape"] == parser["image_size"]
    assert outputs["channel_def"] == label_scheme(parser["label_scheme"]).channel_def


@pytest.mark.parametrize(
    ("bundle", "config"), [*itertools.product(FINE_TUNING, ["train", "inference"]), ("vit_mae", "train")]
)
def test_shipped_network_has_the_described_shapes(bundle, config):
    described = metadata(bundle)["network_data_format"]
    inputs, outputs = described["inputs"]["image"], described["outputs"]["pred"]
    with FakeTensorMode(), torch.no_grad():  # shapes of a ViT-B without its weights
        network = workflow(bundle, config).parser.get_parsed_content("network_def").eval()
        result = network(torch.empty(1, inputs["num_channels"], *inputs["spatial_shape"]))
        result = result[0] if bundle == "vit_mae" else result  # patches and the mask
        assert tuple(result.shape) == (1, outputs["num_channels"], *outputs["spatial_shape"])
        assert str(result.dtype) == f"torch.{outputs['dtype']}"
