"""A method by name, description or file."""

import json
from pathlib import Path

import pytest

from segpeft.errors import InputError
from segpeft.peft import VPT, BitFit, Combination, LoRA, apply_peft, known_methods, method_from, method_of
from tests.peft.backbones import BACKBONES
from tests.peft.methods import METHODS, SHIPPED

OVERLAYS = sorted((Path(__file__).parents[2] / "bundles" / "kits_medtuning" / "configs" / "methods").glob("*.json"))


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("bottleneck_")])
def test_a_description_gives_the_method_back(name: str) -> None:
    method = METHODS[name][0]
    again = method_of(json.loads(json.dumps(method.describe())))
    assert type(again) is type(method)
    assert again.describe() == method.describe()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_name_is_the_method_with_its_defaults(name: str) -> None:
    assert method_from(name) == known_methods()[name]()


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_a_bundles_overlay_is_the_method_that_it_names(path: Path) -> None:
    method = method_from(str(path))
    assert type(method).__name__ == json.loads(path.read_text())["method"]["_target_"].rpartition(".")[2]


def test_files_may_hold_descriptions_and_combinations(tmp_path: Path) -> None:
    both = Combination((LoRA(rank=2), BitFit()))
    (tmp_path / "described.json").write_text(json.dumps(both.describe()))
    lora, bitfit = ({"_target_": f"segpeft.peft.{name}"} for name in ("LoRA", "BitFit"))
    knob = {"_target_": "segpeft.peft.Combination", "methods": [{**lora, "rank": 2}, bitfit]}
    (tmp_path / "overlay.json").write_text(json.dumps({"method": knob}))
    assert method_from(str(tmp_path / "described.json")) == method_from(str(tmp_path / "overlay.json")) == both


def test_apply_peft_takes_all_of_them() -> None:
    for said in ("vpt", VPT(), VPT().describe()):
        assert apply_peft(BACKBONES["slice_vit"].network(), said).peft.method == VPT()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("nothing", "method 'nothing' is unknown: expected one of adapter_bias, "),
        ({"method": "vpt", "prompts": 3}, "method vpt: .*unexpected keyword argument 'prompts'"),
        ({"method": "vpt", "num_prompts": 0}, "num_prompts 0 is out of range"),
        ({}, "method None is unknown"),
        (3, "method 3: expected a method, its name"),
        ("nowhere.json", "nowhere.json: no JSON file with the entry method"),
    ],
)
def test_what_names_no_method_is_refused(said: object, error: str) -> None:
    with pytest.raises(InputError, match=error):
        method_from(said)
