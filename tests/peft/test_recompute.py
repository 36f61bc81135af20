"""The recomputing block of channel LoRA against the block that defines it."""

from __future__ import annotations

import copy
import shutil
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from benchmarks.measure import saved_bytes
from segpeft.networks.vit_encoder import vit_encoder
from segpeft.peft import ChannelLoRA, apply_peft, hold_frozen_in, load_adapter, save_adapter, trainable_parameters
from segpeft.peft.recompute import RecomputingBlock, _AdaptedLinear
from tests.closeness import difference, distance

ALL = ("qkv", "out_proj", "linear1", "linear2")
TARGETS = [ALL, ("out_proj", "linear1"), ("qkv", "linear2")]
BY_TARGETS = pytest.mark.parametrize("targets", TARGETS, ids="+".join)
CHANNELS, WIDTH, MLP, TOKENS = 3, 24, 40, 8


def network(
    recompute: bool, targets: tuple[str, ...] = ALL, dtype: torch.dtype = torch.float64, layers: int = 2, **knobs
) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vit = vit_encoder((16, 16, 16), (8, 8, 8), WIDTH, MLP, layers, num_heads=3, qkv_bias=True)
        method = ChannelLoRA(rank=3, channels=CHANNELS, targets=targets, recompute=recompute, **knobs)
        adapted = apply_peft(vit, method)
        for parameter in trainable_parameters(adapted):
            nn.init.normal_(parameter, std=0.1)
    return adapted.to(dtype)


def pair(
    targets: tuple[str, ...] = ALL, dtype: torch.dtype = torch.float64, layers: int = 2
) -> tuple[nn.Module, nn.Module]:
    return network(False, targets, dtype, layers), network(True, targets, dtype, layers)


def image(dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2 * CHANNELS, 1, 16, 16, 16, generator=generator, dtype=torch.float64).to(dtype)


def step(net: nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs, then the gradients of the image and of all trainable parameters."""
    x = x.clone().requires_grad_()
    net.zero_grad(set_to_none=True)
    last, hidden = net(x)
    outputs = [last, *hidden]
    sum(one.float().square().mean() if x.dtype != torch.float64 else one.square().mean() for one in outputs).backward()
    return [*(one.detach() for one in outputs), x.grad, *(p.grad for p in trainable_parameters(net))]


@BY_TARGETS
def test_equals_its_twin_in_float64(targets):
    plain, fast = pair(targets)
    assert all(type(block) is RecomputingBlock for block in fast.blocks)
    assert difference(step(plain, image()), step(fast, image())) < 1e-12


@BY_TARGETS
@pytest.mark.parametrize("held", [torch.float32, torch.bfloat16], ids=["base_float32", "base_bfloat16"])
def test_is_as_exact_as_its_twin_under_autocast(targets, held):
    plain, fast = pair(targets, torch.float32)
    truth = step(plain, image(torch.float32))
    for net in (plain, fast):
        hold_frozen_in(net, held)
    with torch.autocast("cpu", torch.bfloat16):
        plain_step, fast_step = step(plain, image(torch.float32)), step(fast, image(torch.float32))
    assert [a.dtype for a in fast_step] == [a.dtype for a in plain_step]
    limit = distance(truth, plain_step)  # 1 to 5 %: bfloat16 has 8 bits
    assert 1e-3 < limit < 0.1
    assert distance(truth, fast_step) < 1.25 * limit


@pytest.mark.parametrize("before", ["norm", "gelu", "nothing"])
@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no_bias"])
def test_gradients_pass_gradcheck(before, biased):
    generator = torch.Generator().manual_seed(2)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    x, a, b = draw(2, 2, 3).requires_grad_(), draw(2, 2, 3).requires_grad_(), draw(2, 4, 2).requires_grad_()
    weight, bias = draw(4, 3), draw(4) if biased else None
    norm = (draw(3), draw(3), 1e-3) if before == "norm" else (None, None, 0.0)

    def layer(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return _AdaptedLinear.apply(x, a, b, 0.7, weight, bias, *norm, before == "gelu", torch.float64)

    assert torch.autograd.gradcheck(layer, (x, a, b))


def test_keeps_no_normed_or_activated_values():
    fast = network(True, dtype=torch.float32)
    rows = 2 * CHANNELS * TOKENS
    stream, heads = WIDTH, 3 * WIDTH + WIDTH  # a residual stream; q, k, v and what attention makes of them
    block = 2 * stream + heads + MLP
    statistics = 2 * (3 + 2)  # of attention's softmax, one a head, and of the last norm
    expected = 4 * rows * (2 * block + WIDTH + statistics)
    kept = saved_bytes(lambda: fast(image(torch.float32)), fast.parameters())
    assert kept <= expected
    assert kept < 0.7 * saved_bytes(lambda: network(False, dtype=torch.float32)(image(torch.float32)), [])


def test_everything_kept_goes_through_save_for_backward():
    node = network(True).blocks[0].mlp_branch(torch.randn(CHANNELS, TOKENS, WIDTH, dtype=torch.float64)).grad_fn
    assert type(node).__name__ == "_AdaptedLinearBackward"
    assert [name for name, value in vars(node).items() if isinstance(value, Tensor)] == []


@pytest.mark.parametrize("part", ["blocks.0.norm1.weight", "blocks.1.norm2.bias", "blocks.0.mlp.linear2.weight"])
def test_what_is_trained_gets_its_gradient(part):
    plain, fast = pair()
    for net in (plain, fast):
        net.get_parameter(part).requires_grad_()
    assert difference(step(plain, image()), step(fast, image())) < 1e-12


def test_adapter_dropout_draws_as_in_the_twin():
    results = []
    for recompute in (False, True):
        net = network(recompute, dropout=0.5).train()
        torch.manual_seed(3)
        results.append(step(net, image()))
    assert difference(*results) < 1e-12


def test_attention_that_is_not_fused_stays_what_it_was():
    plain, fast = pair()
    for net in (plain, fast):
        for block in net.blocks:
            block.attn.use_flash_attention = False
    assert difference(step(plain, image()), step(fast, image())) < 1e-12


@pytest.mark.parametrize("leave", ["script", "trace", "export", "no_grad"])
def test_leaves_python_as_its_twin(leave):
    plain, fast = pair(dtype=torch.float32, layers=1)
    x, expected = image(torch.float32), plain(image(torch.float32))[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if leave == "script":
            fast = torch.jit.script(fast)
        elif leave == "trace":
            fast = torch.jit.trace(fast, x * 0.5, check_trace=False)
        elif leave == "export":
            fast = torch.export.export(fast, (x,)).module()
    with torch.set_grad_enabled(leave != "no_grad"):
        torch.testing.assert_close(fast(x)[0], expected, rtol=1e-5, atol=1e-5)


def compiled_difference(backend: str) -> float:
    torch.compiler.reset()
    plain, fast = pair(dtype=torch.float32, layers=1)
    compiled = torch.compile(fast, backend=backend, fullgraph=True)
    last, hidden = compiled(image(torch.float32))
    sum(one.square().mean() for one in (last, *hidden)).backward()
    expected = step(plain, image(torch.float32))
    gradients = [p.grad for p in trainable_parameters(fast)]
    return difference([*expected[:2], *expected[3:]], [last.detach(), *(h.detach() for h in hidden), *gradients])


def test_compiles_to_one_graph():
    assert compiled_difference("aot_eager") < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiles_with_inductor():
    assert compiled_difference("inductor") < 1e-5


@pytest.mark.parametrize("reentrant", [False, True], ids=["saved_hooks", "reentrant"])
def test_gradients_are_the_same_under_checkpointing(reentrant):
    block = network(True).blocks[0]
    x = torch.randn(CHANNELS, TOKENS, WIDTH, dtype=torch.float64)
    results = []
    for run in (block, lambda *inputs: checkpoint(block, *inputs, use_reentrant=reentrant)):
        leaf = x.clone().requires_grad_()
        block.zero_grad(set_to_none=True)
        y, _, _ = run(leaf, [2, 2, 2], x.new_zeros(0), x.new_zeros(CHANNELS, 0, WIDTH))
        y.sin().sum().backward()
        results.append([y.detach(), leaf.grad, *(p.grad for p in trainable_parameters(block))])
    assert difference(*results) < 1e-12


def test_copies_and_names_are_those_of_the_twin(tmp_path):
    plain, fast = pair(dtype=torch.float32)
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert difference(step(fast, image(torch.float32)), step(copy.deepcopy(fast), image(torch.float32))) == 0.0
    save_adapter(fast, tmp_path / "adapter.safetensors")
    with torch.no_grad():
        for parameter in trainable_parameters(plain):
            parameter.zero_()
    load_adapter(plain, tmp_path / "adapter.safetensors")
    assert difference(step(plain, image(torch.float32)), step(fast, image(torch.float32))) < 1e-5
