"""DyLoRA: a rank a step, drawn anew; all of it in evaluation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segpeft.peft import DyLoRA, DyLoRALinear, LoRALinear, apply_peft
from segpeft.peft.lora import LoRA, scaling_of
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake


def layer(**knobs: bool) -> DyLoRALinear:
    torch.manual_seed(0)
    made = DyLoRALinear.from_linear(nn.Linear(5, 7), DyLoRA(rank=4, **knobs)).double()
    nn.init.normal_(made.lora_b)
    return made


@pytest.mark.parametrize("rank_stabilised", [True, False])
def test_a_step_computes_one_of_the_truncated_adapters(rank_stabilised: bool) -> None:
    made, x = layer(rank_stabilised=rank_stabilised), torch.randn(3, 5, dtype=torch.float64)
    wanted = []
    for rank in range(1, 5):
        scaling = scaling_of(8.0, rank, rank_stabilised)
        update = scaling * F.linear(F.linear(x, made.lora_a[:rank]), made.lora_b[:, :rank])
        wanted.append(F.linear(x, made.weight, made.bias) + update)
    seen = set()
    made.train()
    for _ in range(60):
        out = made(x)
        seen.add(next(rank for rank, one in enumerate(wanted, 1) if torch.allclose(out, one)))
    assert seen == {1, 2, 3, 4}


def test_evaluation_uses_every_rank() -> None:
    made, x = layer().eval(), torch.randn(3, 5, dtype=torch.float64)
    plain = LoRALinear.from_linear(nn.Linear(5, 7), LoRA(rank=4)).double()
    plain.load_state_dict(made.state_dict())
    assert torch.equal(made(x), plain(x))


def test_only_the_last_rank_of_a_step_may_learn() -> None:
    made = layer(update_last=True).train()
    for _ in range(8):
        made.zero_grad()
        made(torch.randn(3, 5, dtype=torch.float64)).square().sum().backward()
        rows = made.lora_a.grad.abs().sum(1).nonzero().flatten().tolist()
        columns = made.lora_b.grad.abs().sum(0).nonzero().flatten().tolist()
        assert rows == columns
        assert len(rows) == 1


def test_all_layers_take_part_in_a_step_with_the_same_rank() -> None:
    network = shake(apply_peft(BACKBONES["unetr"].make(), DyLoRA(rank=4))).double().eval()
    image = BACKBONES["unetr"].image().double()
    layers = [module.train() for module in network.modules() if isinstance(module, DyLoRALinear)]
    outputs = [network(image) for _ in range(40)]
    wanted = []
    for rank in range(1, 5):
        for layer in layers:
            layer.draw = lambda number, largest, rank=rank: rank
        wanted.append(network(image))
    seen = {next(rank for rank, each in enumerate(wanted, 1) if torch.allclose(out, each)) for out in outputs}
    assert seen == {1, 2, 3, 4}
