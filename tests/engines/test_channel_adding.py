"""A training that starts from a network of fewer channels."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine

from segpeft.engines import TrainedChannelsLoader
from segpeft.errors import InputError
from segpeft.networks import train_added_channels
from segpeft.peft import hold_frozen_in, trainable_parameters
from tests.networks.test_added_channels import NEW, OLD, build


def start(network, path, epoch: int = 0, **options) -> None:
    """What happens when a trainer starts."""
    engine = Engine(lambda engine, batch: None)
    engine.optimizer = torch.optim.Adam(trainable_parameters(network), **options)
    engine.state.epoch = epoch
    TrainedChannelsLoader(network, path, NEW, OLD)(engine)


@pytest.fixture
def network():
    return train_added_channels(build(4, seed=1), NEW, OLD)


@pytest.fixture
def trained(tmp_path):
    torch.save(build(3).state_dict(), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_the_file_is_loaded_when_a_run_starts(network, trained):
    start(network, trained)
    assert torch.equal(network.state_dict()["decoder.out.conv.conv.bias"], build(3).decoder.out.conv.conv.bias)


def test_a_resumed_run_keeps_what_it_resumed(network, trained):
    before = network.decoder.out.conv.conv.bias.clone()
    start(network, trained, epoch=2)
    assert torch.equal(network.decoder.out.conv.conv.bias, before)


def test_a_network_that_another_config_put_in_its_place_is_refused(trained):
    with pytest.raises(InputError, match=r"another config replaced .* add_channel.json"):
        start(build(4, seed=1), trained)


def test_weight_decay_is_refused(network, trained):
    with pytest.raises(InputError, match=r"weight_decay 0.1: expected 0"):
        start(network, trained, weight_decay=0.1)


def test_a_missing_file_is_named(network, tmp_path):
    with pytest.raises(InputError, match=r"none.pt: no such file"):
        start(network, tmp_path / "none.pt")


def test_nothing_is_read_at_construction(network):
    TrainedChannelsLoader(network, "/nowhere/model.pt", NEW, OLD)


def test_a_frozen_decoder_keeps_its_precision_where_the_base_is_held_in_less(network):
    network.float()
    hold_frozen_in(network, torch.bfloat16)
    assert network.vit.blocks[0].attn.qkv.weight.dtype is torch.bfloat16
    types = {p.dtype for name, p in network.named_parameters() if not name.startswith("vit.")}
    assert types == {torch.float32}
