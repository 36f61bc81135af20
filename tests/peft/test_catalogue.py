"""The page of methods says what the code does."""

from pathlib import Path

import pytest
import torch
from monai.networks.nets.vit import ViT

from segpeft.networks.vit_encoder import slim_transformer_blocks
from segpeft.peft import apply_peft, count_parameters, known_methods
from segpeft.peft.catalogue import FAMILIES, methods_page, trained_by_formula
from tests.peft.methods import METHODS
from tests.peft.test_merge import MERGED

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
OURS = {name: cls for name, cls in known_methods().items() if cls.__module__.startswith("segpeft.peft.")}
COUNTED = [name for name, cls in OURS.items() if cls.family]


def test_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == methods_page(), "run python -m segpeft.peft.catalogue > docs/methods.md"


@pytest.mark.parametrize("name", COUNTED)
def test_formula_counts_what_is_trained(name: str) -> None:
    width, mlp, blocks = 64, 128, 8
    with torch.device("meta"):
        vit = ViT(1, (32, 32, 32), (16, 16, 16), width, mlp, blocks, 4, qkv_bias=True)
    method = OURS[name](**{"bottleneck_dim": 5} if name in ("adaptformer", "parallel_adapter") else {})
    network = apply_peft(slim_transformer_blocks(vit), method)
    assert count_parameters(network)["trainable"] == trained_by_formula(method, width, mlp, blocks)


@pytest.mark.parametrize("name", OURS)
def test_every_method_is_described(name: str) -> None:
    cls = OURS[name]
    assert cls.family in FAMILIES
    assert cls.advice.endswith(".")
    assert "|" not in cls.advice + cls.formula


def test_what_is_said_to_merge_is_what_merges() -> None:
    said = {name for name, (method, _) in METHODS.items() if method.merges}
    assert said == set(MERGED) - {"lora_and_bitfit"}, "a combination merges if its parts do"
