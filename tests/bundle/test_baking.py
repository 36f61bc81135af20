"""Settings of a training in the configs of a packed bundle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from monai.bundle import ConfigParser

from segpeft.bundle.archive import unzip
from segpeft.bundle.baking import bake, baked
from segpeft.bundle.pack import Weights, pack
from segpeft.errors import InputError
from segpeft.peft import method_from, read_adapter
from tests.bundle.small_bundles import KNOBS, small_copy
from tests.bundles.runs import BUNDLES

METHODS = BUNDLES / "kits_medtuning" / "configs" / "methods"


@pytest.mark.parametrize("form", ["name", "description", "overlay"])
def test_the_method_is_in_both_configs(form: str, tmp_path: Path) -> None:
    (tmp_path / "described.json").write_text(json.dumps({"method": "vpt", "num_prompts": 3}))
    said = {"name": "vpt", "description": str(tmp_path / "described.json"), "overlay": str(METHODS / "vpt_deep.json")}
    changes = baked(said[form], [], [f"{name}={json.dumps(value)}" for name, value in KNOBS["kits_medtuning"].items()])
    made = pack(small_copy("kits_medtuning", tmp_path / "source"), tmp_path, Weights(random=True), changes)
    folder = unzip(made.archive, tmp_path / "unpacked")
    wanted = {"name": {}, "description": {"num_prompts": 3}, "overlay": {"num_prompts": 10, "deep": True}}[form]
    for config in ("train", "inference"):
        parser = ConfigParser()
        parser.read_config(str(folder / "configs" / f"{config}.json"))
        parser["bundle_root"] = str(folder)
        method = parser.get_parsed_content("network_def").peft.method
        assert method.name == "vpt"
        assert {name: getattr(method, name) for name in wanted} == wanted
    assert "prompt" in " ".join(_keys(folder))


def _keys(folder: Path) -> list[str]:
    return list(read_adapter(folder / "models" / "adapters" / "kits_medtuning.safetensors")[0])


def test_later_settings_win(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.json"
    overlay.write_text(json.dumps({"epochs": 3, "method": "bitfit", "imports": ["$import os"]}))
    changes = baked("lora", [overlay], ["epochs=5", "encoder#num_layers=2", "label_scheme=msd"])
    assert changes["method"] == "lora"
    train = bake({"epochs": 1, "encoder": {"num_layers": 12}, "method": {"a": 1}, "imports": ["x"]}, changes, True)
    assert train == {
        "epochs": 5,
        "encoder": {"num_layers": 2},
        "method": "lora",
        "imports": ["x"],
        "label_scheme": "msd",
    }
    inference = bake({"encoder": {"num_layers": 12}, "method": {"a": 1}}, changes, False)
    assert inference == {"encoder": {"num_layers": 2}, "method": "lora"}
    assert method_from(inference["method"]).name == "lora"


def test_what_has_no_place_is_refused() -> None:
    with pytest.raises(InputError, match="encoder#no#such: has no place"):
        bake({"encoder": {"num_layers": 12}}, {"encoder#no#such": 1}, True)
