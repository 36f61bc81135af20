"""DoRA: the formula, its constant norm, and a base that comes later."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import DoRA, DoRALinear


def layer(bias: bool = True) -> DoRALinear:
    torch.manual_seed(0)
    made = DoRALinear.from_linear(nn.Linear(5, 7, bias=bias), DoRA(rank=2)).double()
    for parameter in (made.lora_a, made.lora_b, made.gain):
        nn.init.normal_(parameter)
    return made


@pytest.mark.parametrize("bias", [True, False])
def test_output_is_magnitude_times_direction(bias: bool) -> None:
    made, x = layer(bias), torch.randn(3, 5, dtype=torch.float64)
    adapted = made.weight + made.scaling * made.lora_b @ made.lora_a
    magnitude = made.gain * made.weight.norm(dim=1)
    weight = magnitude[:, None] * adapted / adapted.norm(dim=1, keepdim=True)
    torch.testing.assert_close(made(x), F.linear(x, weight, made.bias))
    torch.testing.assert_close(made.weight + made.delta_weight(), weight)


def test_no_gradient_goes_through_the_norm() -> None:
    made, x = layer(), torch.randn(3, 5, dtype=torch.float64)
    made(x).sum().backward()
    ratio = made.ratio().detach()[:, None]  # a constant, so that B sees a plain LoRA scaled by it
    low = (x @ made.lora_a.detach().T).sum(0)
    torch.testing.assert_close(made.lora_b.grad, made.scaling * ratio * low)


def test_a_base_that_is_loaded_later_keeps_its_norms() -> None:
    made = DoRALinear.from_linear(nn.Linear(5, 7), DoRA(rank=2))
    later = nn.Linear(5, 7)
    made.load_state_dict(later.state_dict(), strict=False)
    x = torch.randn(3, 5)
    assert torch.equal(made(x), later(x))


def test_parts_of_qkv_have_no_magnitude_of_their_own() -> None:
    with pytest.raises(InputError, match="DoRA adapts the fused qkv, name qkv instead"):
        DoRA(targets=("q", "v"))
