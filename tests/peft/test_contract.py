"""What every method keeps on every backbone; one test a promise, one case a cell of the matrix."""

from __future__ import annotations

import re
from functools import cache

import pytest
import torch
from torch import Tensor, nn

from segpeft.peft import count_parameters, load_adapter, save_adapter, trainable_parameters
from tests.peft.backbones import BACKBONES
from tests.peft.methods import (
    BASE_TRAINED,
    EXCLUDED,
    FREEZES_ALL,
    METHODS,
    NO_IDENTITY,
    NORMED_AWAY,
    adapted,
    cells,
    shake,
)

MATRIX = pytest.mark.parametrize(("method", "name"), cells())


@cache
def plain(name: str) -> nn.Module:
    """The network without a method; not to be changed."""
    return BACKBONES[name].network()


@cache
def plain_output(name: str) -> Tensor:
    with torch.no_grad():
        return plain(name)(BACKBONES[name].image())


@cache
def fresh(method: str, name: str) -> nn.Module:
    """The network as the method leaves it; not to be changed."""
    return adapted(method, BACKBONES[name])


@MATRIX
@torch.no_grad()
def test_starts_as_the_plain_network(method, name):
    same = torch.equal(fresh(method, name)(BACKBONES[name].image()), plain_output(name))
    assert same == (method not in NO_IDENTITY)


@MATRIX
@torch.no_grad()
def test_plain_weights_load_into_the_adapted_network(method, name):
    network = adapted(method, BACKBONES[name], seed=3)
    new = set(network.state_dict()) - set(plain(name).state_dict())
    new = {key for key in new if not key.endswith("num_batches_tracked")}  # torch does without them
    report = network.load_state_dict(plain(name).state_dict(), strict=False)
    assert report.unexpected_keys == []
    assert set(report.missing_keys) == new
    assert torch.equal(network(BACKBONES[name].image()), plain_output(name)) == (method not in NO_IDENTITY)


@MATRIX
def test_keeps_the_names_and_order_of_the_base_weights(method, name):
    base = list(plain(name).state_dict())
    assert [key for key in fresh(method, name).state_dict() if key in set(base)] == base


@MATRIX
def test_trains_exactly_as_many_parameters_as_the_formula_says(method, name):
    backbone, (definition, formula) = BACKBONES[name], METHODS[method]
    encoder = sum(p.numel() for p in plain(name).get_submodule(backbone.path).parameters())
    head = sum(p.numel() for p in plain(name).parameters()) - encoder
    added, own = formula(backbone), plain(name).get_submodule(backbone.path).named_parameters()
    pattern = BASE_TRAINED.get(method, "nothing")
    base_trained = sum(p.numel() for key, p in own if re.fullmatch(pattern, key) and key not in backbone.tuned_names)
    counts = count_parameters(fresh(method, name))
    assert counts["task_head"] == head
    assert (base_trained > 0) == (method in BASE_TRAINED)
    own_and_new = added + base_trained + (0 if method in FREEZES_ALL else backbone.tuned)
    assert counts["backbone_peft"] == (encoder if definition.trains_backbone else own_and_new)
    assert counts["total"] == encoder + head + added


@MATRIX
def test_a_step_reaches_all_that_is_trainable_and_nothing_else(method, name):
    backbone = BACKBONES[name]
    network = shake(adapted(method, backbone)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.SGD(trainable_parameters(network), lr=1.0)
    network(backbone.image()).square().mean().backward()
    without = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []
    optimizer.step()
    trainable = {key for key, p in network.named_parameters() if p.requires_grad}
    after = network.state_dict()
    still = {key for key, value in before.items() if torch.equal(value, after[key])}
    base = set(plain(name).state_dict())
    adapters = {key for key in trainable - base if not key.endswith(NORMED_AWAY.get(method, "nothing"))}
    assert base - trainable <= still  # frozen ones, bit by bit
    assert still.isdisjoint(adapters)  # each of them


@MATRIX
def test_adapter_file_gives_the_trained_network_back(method, name, tmp_path):
    backbone = BACKBONES[name]
    trained = shake(adapted(method, backbone))
    sizes = save_adapter(trained, tmp_path / "adapter.safetensors")
    loaded = load_adapter(shake(adapted(method, backbone), seed=2), tmp_path / "adapter.safetensors")
    counts, there, here = count_parameters(trained), trained.state_dict(), loaded.state_dict()
    base, parameters = (
        set(plain(name).state_dict()),
        {key for key, _ in trained.named_parameters(remove_duplicate=False)},
    )
    statistics = sum(there[key].nbytes for key in set(there) - base - parameters)  # of the adapters' batch norms
    if method != "full":  # Swin's own integer buffers are saved with the tables that they index
        expected = {"backbone_peft": 4 * counts["backbone_peft"] + statistics, "task_head": 4 * counts["task_head"]}
        assert sizes == expected
    assert [key for key in there if not torch.equal(there[key], here[key])] == []


def test_every_exclusion_and_exception_is_of_the_matrix_and_has_a_reason():
    assert all(method in METHODS and name in BACKBONES and reason for (method, name), reason in EXCLUDED.items())
    assert all(method in METHODS and reason for method, reason in NO_IDENTITY.items())
