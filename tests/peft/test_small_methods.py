"""Methods of a few lines: where they act, and their formulas."""

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets import UNETR
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import (
    AdapterBias,
    AdapterDrop,
    BitFit,
    LNLoRA,
    LNLoRALinear,
    LoRAPlus,
    NormTuning,
    ParallelAdapter,
    PromptTuning,
    apply_peft,
    count_parameters,
    parameter_groups,
)
from segpeft.peft.adapter_bias import TokenShift
from segpeft.peft.adaptformer import AdaptFormerAdapter
from segpeft.peft.catalogue import trained_by_formula
from segpeft.peft.houlsby import HoulsbyAdapter
from tests.peft.backbones import BACKBONES

BACKBONE = BACKBONES["slice_vit"]


def trained(network: nn.Module) -> set[str]:
    return {name for name, p in network.encoder.named_parameters() if p.requires_grad} - set(BACKBONE.tuned_names)


def test_bitfit_trains_biases_and_nothing_else() -> None:
    names = trained(apply_peft(BACKBONE.network(), BitFit()))
    assert "blocks.0.attn.qkv.bias" in names
    assert "patch_embedding.patch_embeddings.bias" in names
    assert all(name.endswith(".bias") for name in names)
    some = trained(apply_peft(BACKBONE.network(), BitFit(targets=["qkv", "linear2"])))
    assert some == {f"blocks.{i}.{layer}.bias" for i in range(4) for layer in ("attn.qkv", "mlp.linear2")}


def test_bitfit_needs_biases() -> None:
    with pytest.raises(InputError, match="blocks.0.attn.qkv.bias does not exist, the layer has no bias"):
        apply_peft(BACKBONES["unetr"].network(), BitFit(targets=("qkv",)))
    with pytest.raises(InputError, match="expected a list of names"):
        BitFit(targets="qkv")


def test_norm_tuning_trains_the_norms() -> None:
    names = trained(apply_peft(BACKBONE.network(), NormTuning()))
    assert names == {f"blocks.{i}.norm{n}.{part}" for i in range(4) for n in (1, 2) for part in ("weight", "bias")}


def test_lora_plus_gives_b_a_rate_of_its_own() -> None:
    network = apply_peft(BACKBONE.network(), LoRAPlus(rank=2, b_lr_ratio=8.0))
    groups = {group["lr_ratio"]: group["params"] for group in parameter_groups(network)}
    by_name = {name for name, p in network.named_parameters() if any(p is one for one in groups[8.0])}
    assert by_name == {name for name, _ in network.named_parameters() if name.endswith("lora_b")}
    assert sum(map(len, groups.values())) == sum(p.requires_grad for p in network.parameters())
    with pytest.raises(InputError, match="b_lr_ratio 0 is out of range"):
        LoRAPlus(b_lr_ratio=0)


def test_ln_lora_norms_between_its_factors() -> None:
    torch.manual_seed(0)
    layer = LNLoRALinear.from_linear(nn.Linear(5, 7), LNLoRA(rank=3))
    for parameter in (layer.lora_b, layer.lora_norm.weight, layer.lora_norm.bias):
        nn.init.normal_(parameter)
    x = torch.randn(4, 5)
    low = F.layer_norm(x @ layer.lora_a.T, (3,), layer.lora_norm.weight, layer.lora_norm.bias)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias) + layer.scaling * low @ layer.lora_b.T)
    with pytest.raises(InputError, match="a norm over one feature is constant"):
        LNLoRA(rank=1)


def test_adapter_bias_shifts_tokens_by_their_weight() -> None:
    shift, x = TokenShift(6), torch.randn(2, 5, 6)
    nn.init.normal_(shift.vector)
    out, carry = shift(x, [1, 1, 5], x[:0])
    for token in range(5):
        weight = x[1, token] @ shift.weigh.weight[0] + shift.weigh.bias
        torch.testing.assert_close(out[1, token], x[1, token] + weight * shift.vector)
    assert carry is not None
    assert sum(isinstance(m, TokenShift) for m in apply_peft(BACKBONE.network(), AdapterBias()).modules()) == 4


def test_adapter_drop_leaves_the_first_blocks_without_a_backward_pass() -> None:
    network = apply_peft(BACKBONES["unetr"].network(), AdapterDrop(reduction=4, drop=5))
    blocks = network.vit.blocks
    with_adapters = [any(isinstance(m, HoulsbyAdapter) for m in block.modules()) for block in blocks]
    assert with_adapters == [False] * 5 + [True] * 7
    needs = []
    for block in blocks:
        block.register_forward_hook(lambda module, args, out: needs.append(out[0].requires_grad))
    network(BACKBONES["unetr"].image())
    assert needs == with_adapters
    with pytest.raises(InputError, match="drop 12 leaves no block of 12"):
        apply_peft(BACKBONES["unetr"].network(), AdapterDrop(reduction=4, drop=12))


@pytest.mark.parametrize(("sublayers", "count"), [(("mlp",), 4), (("attn",), 4), (("attn", "mlp"), 8)])
def test_parallel_adapters_stand_beside_the_sublayers_named(sublayers: tuple[str, ...], count: int) -> None:
    network = apply_peft(BACKBONE.network(), ParallelAdapter(bottleneck_dim=3, sublayers=sublayers))
    places = [path for path, m in network.named_modules() if isinstance(m, AdaptFormerAdapter)]
    assert len(places) == count
    assert {path.rpartition("_")[2] for path in places} == set(sublayers)
    with pytest.raises(InputError, match="expected some of attn, mlp"):
        ParallelAdapter(sublayers=("head",))


def test_prompts_of_prompt_tuning_are_uniform_and_go_through_all_blocks() -> None:
    network = apply_peft(BACKBONE.network(), PromptTuning(num_prompts=500))
    prompts = network.encoder.blocks[0].prompts
    assert prompts.handed_on
    assert prompts.tokens.abs().max() <= 0.5
    assert prompts.tokens.std().item() == pytest.approx(1 / 12**0.5, rel=0.05)
    assert all(block.prompts.empty for block in network.encoder.blocks[1:])


@pytest.mark.parametrize("name", ["bitfit", "norm_tuning"])
def test_what_monai_holds_and_never_uses_is_not_trained(name: str) -> None:
    """MONAI's own UNETR, whose blocks hold a norm for cross attention that they do not have."""
    network = apply_peft(UNETR(1, 2, 16, feature_size=2, hidden_size=12, mlp_dim=16, num_heads=2), name)
    method = network.peft.method
    assert count_parameters(network)["backbone_peft"] == trained_by_formula(method, 12, 16, 12) - (
        36 * 12 if name == "bitfit" else 0  # no biases of qkv
    )
    network(torch.randn(1, 1, 16, 16, 16)).sum().backward()
    assert [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None] == []
