"""A linear layer with GELU against the plain form that defines it."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks.measure import saved_bytes
from segpeft.peft.linear_gelu import LinearGELU
from tests.closeness import difference, distance


def layer(dtype):
    torch.manual_seed(0)
    return LinearGELU(6, 20).to(dtype)


def plain(x, linear):
    return F.gelu(F.linear(x, linear.weight, linear.bias))


def fast(x, linear):
    return linear(x)


def step(function, linear, x):
    x = x.clone().requires_grad_()
    linear.zero_grad()
    y = function(x, linear)
    y.square().mean().backward()
    return [y.detach(), x.grad, linear.weight.grad, linear.bias.grad]


def tokens(dtype):
    torch.manual_seed(1)
    return torch.randn(3, 5, 6, dtype=dtype)


def test_equals_the_plain_form_in_float64():
    linear, x = layer(torch.float64), tokens(torch.float64)
    found = [[part.clone() for part in step(function, linear, x)] for function in (plain, fast)]
    assert difference(*found) < 1e-14


@pytest.mark.parametrize("held", [torch.float32, torch.bfloat16])
def test_is_as_exact_as_the_plain_form_under_autocast(held):
    linear, x = layer(torch.float32), tokens(torch.float32)
    truth = [part.clone() for part in step(plain, linear, x)]
    found = []
    for function in (plain, fast):
        with torch.autocast("cpu", torch.bfloat16):
            found.append([part.clone() for part in step(function, linear, x.to(held))])
    assert [part.dtype for part in found[1]] == [part.dtype for part in found[0]]
    limit = distance(truth, found[0])
    assert 1e-3 < limit < 0.1
    assert distance(truth, found[1]) < 1.25 * limit


def test_keeps_its_input_alone():
    linear, x = layer(torch.float32), torch.randn(4, 50, 6, requires_grad=True)
    nbytes = saved_bytes(lambda: fast(x, linear), linear.parameters())
    assert nbytes == x.numel() * 4
    assert saved_bytes(lambda: plain(x, linear), linear.parameters()) == nbytes + 4 * 50 * 20 * 4


def test_an_input_without_a_gradient_gets_none():
    linear = layer(torch.float64)
    fast(tokens(torch.float64), linear).sum().backward()
    assert linear.weight.grad is not None
