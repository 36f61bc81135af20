"""Combinations: what fits together, what does not, and what each part keeps."""

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import (
    VPT,
    BitFit,
    Combination,
    DoRA,
    FacT,
    Full,
    Houlsby,
    LoRA,
    LoRAPlus,
    Method,
    PrefixTuning,
    PromptTuning,
    apply_peft,
    count_parameters,
    merge,
    parameter_groups,
)
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

BACKBONE = BACKBONES["slice_vit"]
SMALL_COMPACTER = {"method": "compacter", "reduction": 2, "terms": 2}


def trained(*methods: Method) -> int:
    method = Combination(methods) if len(methods) > 1 else methods[0]
    return count_parameters(apply_peft(BACKBONE.network(), method))["backbone_peft"]


@pytest.mark.parametrize(
    "methods",
    [
        (LoRA(rank=2), Houlsby()),
        (Houlsby(), VPT()),
        (PrefixTuning(), LoRA(rank=2), VPT()),
        (LoRA(targets=("q",)), PrefixTuning()),
    ],
    ids=lambda methods: "+".join(method.name for method in methods),
)
def test_parts_are_those_of_each_alone_in_any_order(methods: tuple[Method, ...]) -> None:
    alone = sum(trained(method) - BACKBONE.tuned for method in methods) + BACKBONE.tuned
    assert trained(*methods) == trained(*reversed(methods)) == alone


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ((LoRA(), DoRA()), "dora in a combination: LoRALinear is no plain linear layer: DoRALinear does not fit in"),
        ((FacT(targets=("qkv",)), LoRA()), "FacTLinear is no plain linear layer: LoRALinear does not fit in"),
        ((LoRA(), FacT(targets=("qkv",))), "LoRALinear is no plain linear layer: FacTLinear does not fit in"),
        ((VPT(), PromptTuning()), "has prompts already: OwnPrompts does not fit in"),
        ((BitFit(), Full()), "full trains the whole backbone, nothing is left to combine"),
        ((LoRA(rank=1), LoRA(rank=2)), "lora stands there twice"),
        ((LoRA(),), "expected at least two methods"),
    ],
)
def test_two_that_claim_one_place_are_refused(methods: tuple[Method, ...], said: str) -> None:
    network = BACKBONE.network()
    with pytest.raises(InputError, match=said):
        apply_peft(network, Combination(methods))
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_two_adapters_at_one_socket_are_refused() -> None:
    with pytest.raises(InputError, match="after_attn holds HoulsbyAdapter already: CompacterAdapter does not fit in"):
        apply_peft(BACKBONE.network(), {"method": "combination", "methods": [{"method": "houlsby"}, SMALL_COMPACTER]})


def test_each_parameter_learns_at_the_rate_of_its_method() -> None:
    network = apply_peft(BACKBONE.network(), Combination((LoRAPlus(rank=2, b_lr_ratio=4.0), BitFit())))
    groups = {group["lr_ratio"]: len(group["params"]) for group in parameter_groups(network)}
    assert groups[4.0] == 2 * 4
    assert set(groups) == {1.0, 4.0}


@torch.no_grad()
def test_a_combination_of_updates_merges() -> None:
    network = shake(apply_peft(BACKBONE.network(), Combination((LoRA(rank=2), BitFit()))))
    torch.testing.assert_close(merge(network)(BACKBONE.image()), network(BACKBONE.image()), atol=1e-4, rtol=1e-4)
