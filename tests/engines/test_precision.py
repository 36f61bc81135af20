import torch
from torch import nn

from segpeft.engines.precision import autocast_dtype, full_precision_state, held_dtype
from segpeft.peft import hold_frozen_in
from tests.engines.adapted import adapted


def test_only_frozen_linear_and_convolution_weights_are_cast():
    network = adapted()
    before = dict(network.named_parameters())
    values = {name: parameter.detach().clone() for name, parameter in before.items()}
    cast = hold_frozen_in(network, torch.bfloat16)
    half = {name for name, parameter in network.named_parameters() if parameter.dtype is torch.bfloat16}
    assert cast == sum(values[name].numel() for name in half)
    assert any("attn.qkv.weight" in name for name in half)
    assert any("patch_embeddings" in name for name in half)
    for name, parameter in network.named_parameters():
        assert parameter is before[name]
        assert not (name in half and parameter.requires_grad)
        if name not in half:
            assert parameter.requires_grad or "norm" in name or "position" in name or "cls" in name, name
        else:
            assert torch.equal(parameter.float(), values[name].bfloat16().float())


def test_computes_what_autocast_computes_and_trains():
    x = torch.randn(1, 1, 8, 8, 8)
    plain, held = adapted().eval(), adapted().eval()
    hold_frozen_in(held, torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        expected, found = plain(x)[0], held(x)[0]
        found.float().square().mean().backward()
    assert torch.equal(expected, found)
    gradients = {n: p.grad for n, p in held.named_parameters() if p.requires_grad}
    assert all(g is not None and g.dtype is torch.float32 for g in gradients.values())


def test_a_second_call_casts_nothing():
    network = adapted()
    assert hold_frozen_in(network, torch.bfloat16) > 0
    assert hold_frozen_in(network, torch.bfloat16) == 0
    assert held_dtype(network) is torch.bfloat16


def test_saved_state_is_float32_and_integers_stay():
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2)).requires_grad_(False)
    hold_frozen_in(network, torch.bfloat16)
    state = full_precision_state(network)
    assert state["0.weight"].dtype is torch.float32
    assert state["1.num_batches_tracked"].dtype is torch.int64
    assert network[0].weight.dtype is torch.bfloat16


def test_no_autocast_on_a_cpu_or_when_not_wanted():
    assert autocast_dtype(torch.device("cpu"), True) is None
    assert autocast_dtype(torch.device("cuda"), False) is None


def test_a_network_held_in_bfloat16_needs_autocast():
    network = adapted()
    hold_frozen_in(network, torch.bfloat16)
    assert autocast_dtype(torch.device("cuda"), False, network) is torch.bfloat16
    assert autocast_dtype(torch.device("cpu"), False, network) is torch.bfloat16
