"""Batch norm in two processes ends with one set of statistics."""

import torch
from ignite.engine import Engine, Events
from torch import nn

from segpeft.engines import SharedStatistics, distribute
from tests.two_processes import in_two_processes

STEPS = 40


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2), nn.Conv3d(2, 1, 1))


def _work(rank, folder):
    network = distribute(_network(), "cpu")
    own: list[torch.Tensor] = []

    def step(engine, batch):
        network(batch).mean().backward()

    engine = Engine(step)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda _: own.append(network.module[1].running_mean.clone()))
    SharedStatistics(network).attach(engine)
    generator = torch.Generator().manual_seed(rank)
    engine.run([torch.randn(2, 1, 3, 3, 3, generator=generator) + 10 * rank for _ in range(STEPS)], max_epochs=1)
    return {"own": own[0], **network.module[1].state_dict()}


def test_statistics_are_averaged_over_the_processes(tmp_path):
    first, second = in_two_processes(_work, tmp_path)
    between = (first["own"] - second["own"]).abs().max()
    assert between > 2  # each kept its own, however often the processes met
    for key in ("running_mean", "running_var"):
        assert torch.equal(first[key], second[key])
    torch.testing.assert_close(first["running_mean"], (first["own"] + second["own"]) / 2)


def test_one_process_changes_nothing():
    network = _network()
    network(torch.randn(2, 1, 3, 3, 3))
    before = network[1].running_mean.clone()
    SharedStatistics(network)(Engine(lambda *_: None))
    assert torch.equal(network[1].running_mean, before)
