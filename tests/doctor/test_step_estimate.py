"""What a step is said to take is what it takes."""

import pytest
import torch
from torch import nn

from segpeft.doctor.live_tensors import LiveTensors
from segpeft.doctor.step_cost import batch_shape, check_step
from segpeft.doctor.step_estimate import estimate_step, optimizer_states, squared

SHAPE = (2, 1, 12, 12, 12)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 8, 3), nn.InstanceNorm3d(8), nn.GELU(), nn.Conv3d(8, 4, 3))


def test_counts_of_a_small_network():
    net = network()
    net[0].requires_grad_(False)
    found = estimate_step(net, SHAPE, states=2)
    trained = 8 * 4 * 27 + 4
    assert (found.parameters, found.trained) == (8 * 27 + 8 + trained, trained)
    assert (found.weights, found.gradients, found.optimizer) == (4 * found.parameters, 4 * trained, 8 * trained)
    assert found.operations > 0
    assert next(net.parameters()).device.type == "cpu"  # the network itself stays as it was


def test_memory_is_that_of_a_real_step():
    net = network()
    found = estimate_step(net, SHAPE, states=2)
    with LiveTensors() as live:
        squared(net.train()(torch.randn(*SHAPE))).backward()
    assert found.activations == pytest.approx(live.peak - found.gradients, rel=0.05)


def test_freed_tensors_do_not_count():
    with LiveTensors() as live:
        for _ in range(5):
            torch.zeros(1000)
        kept = torch.zeros(10)
    assert (live.peak, live.now) == (4000, 4 * kept.numel())


@pytest.mark.parametrize(
    ("described", "states"),
    [
        ({"_target_": "torch.optim.Adam", "params": "$..."}, 2),
        ({"_target_": "torch.optim.Adam", "amsgrad": True}, 3),
        ({"_target_": "torch.optim.SGD"}, 0),
        ({"_target_": "torch.optim.SGD", "momentum": 0.9}, 1),
    ],
    ids=["adam", "amsgrad", "sgd", "momentum"],
)
def test_states_of_optimizers(described, states):
    assert optimizer_states(described) == states


def test_a_batch():
    knobs = {"image_size": [8, 9, 10], "channels": ["T2", "ADC"], "batch_size": 2, "crops_per_case": 3}
    assert batch_shape(knobs) == (6, 2, 8, 9, 10)


def test_a_step_that_does_not_fit_is_an_error():
    knobs = {"image_size": [20000, 20000, 20000], "channels": ["T2"]}
    texts = [finding.text for finding in check_step(network(), knobs, quick=True)]
    assert texts[-1].startswith("does not fit")
    assert "lower feature_size" in texts[-1]


def test_a_small_step_is_measured():
    knobs = {"image_size": [12, 12, 12], "channels": ["T2"]}
    texts = [finding.text for finding in check_step(network(), knobs, quick=False)]
    assert texts[1].startswith("fits")
    assert "s for forward and backward pass" in texts[2]
