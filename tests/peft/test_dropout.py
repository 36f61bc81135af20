"""Dropout of a whole network, as a server sets it to score images by uncertainty."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import MedAdapter, apply_peft, set_dropout
from tests.peft.backbones import BACKBONES


def network(dropout: float | None) -> nn.Module:
    """A network with batch norms in its adapters, of the same weights at every call."""
    torch.manual_seed(0)
    made = apply_peft(BACKBONES["slice_vit"].network(), MedAdapter(alpha=2), dropout=dropout)
    for parameter in made.parameters():  # at the start the adapters add nothing
        if parameter.requires_grad and parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.1)
    return made


@pytest.fixture
def image() -> torch.Tensor:
    return BACKBONES["slice_vit"].image()


def test_passes_in_training_mode_differ_and_in_evaluation_mode_do_not(image):
    served = copy.deepcopy(network(0.2)).train()
    with torch.no_grad():
        assert not torch.equal(served(image), served(image))
        served.eval()
        assert torch.equal(served(image), served(image))
        torch.testing.assert_close(served(image), network(None).eval()(image))


def test_at_rate_0_training_mode_is_evaluation_mode(image):
    served = copy.deepcopy(network(0.0)).train()
    assert any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in served.modules())
    before = {name: value.clone() for name, value in served.state_dict().items()}
    with torch.no_grad():
        drawn = served(image)
        assert torch.equal(drawn, served.eval()(image))
    assert all(torch.equal(value, before[name]) for name, value in served.state_dict().items())


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(InputError, match="dropout .* out of range"):
        network(rate)


def test_a_network_without_dropout_layers_is_refused():
    with pytest.raises(InputError, match="has no dropout layer"):
        set_dropout(nn.Linear(2, 2), 0.1)
