"""A training in rounds is one training."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from segpeft.engines import OneCycle, SeedEveryEpoch
from segpeft.errors import InputError
from segpeft.federated.rounds import Rounds
from tests.engines.tiny import adam, network, trainer


def parts(max_epochs: int = 4):
    net = network()
    optimizer = adam(net)
    schedule = OneCycle(optimizer, 0.05)
    engine = trainer(net, optimizer, [SeedEveryEpoch(0), schedule], max_epochs=max_epochs)
    seen = []
    engine.add_event_handler(
        Events.ITERATION_STARTED, lambda: seen.append((engine.state.iteration, optimizer.param_groups[0]["lr"]))
    )
    return net, engine, schedule, seen


def nothing() -> None:
    """Leaves the network as it is."""


def test_rounds_are_one_training():
    net, engine, schedule, seen = parts()
    rounds = Rounds(engine, 2, 2, schedule)
    rounds.run(0, nothing)
    assert engine.state.epoch == 2
    rounds.run(1, nothing)
    plain, whole, _, expected = parts()
    whole.run()
    assert seen == expected
    assert all(torch.equal(value, plain.state_dict()[key]) for key, value in net.state_dict().items())


def test_a_round_begins_with_what_it_is_given():
    net, engine, schedule, _ = parts()
    rounds, found = Rounds(engine, 2, 2, schedule), []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: found.append(float(net[3].bias.detach()[0])))
    rounds.run(0, lambda: net[3].bias.data.fill_(5))
    rounds.run(1, lambda: net[3].bias.data.fill_(9))
    assert (found[0], found[8]) == (5, 9)


@pytest.mark.parametrize("first", [0, 1], ids=["in_the_middle", "from_the_start"])
def test_a_site_that_missed_a_round_goes_on_with_the_others(first):
    _, engine, schedule, seen = parts(max_epochs=6)
    rounds = Rounds(engine, 3, 2, schedule)
    for number in (first, 2):
        rounds.run(number, nothing)
    _, whole, _, expected = parts(max_epochs=6)
    whole.run()
    assert engine.state.epoch == 6
    assert seen == [step for step in expected if first * 8 < step[0] <= first * 8 + 8 or step[0] > 16]


def test_more_rounds_than_planned_are_refused():
    _, engine, schedule, _ = parts()
    rounds = Rounds(engine, 1, 1, schedule)
    rounds.run(0, nothing)
    with pytest.raises(InputError, match="all 1 rounds are done"):
        rounds.run(1, nothing)


def test_a_round_after_a_failed_one_is_refused():
    """Ignite would return at once from it, with untrained weights."""
    _, engine, schedule, _ = parts()

    def fail() -> None:
        raise RuntimeError("no memory left")

    rounds = Rounds(engine, 2, 2, schedule)
    with pytest.raises(RuntimeError, match="no memory left"):
        rounds.run(0, fail)
    with pytest.raises(InputError, match="start the site anew"):
        rounds.run(1, nothing)


@pytest.mark.parametrize(("rounds", "epochs", "name"), [(0, 1, "rounds"), (1, 0, "local_epochs")])
def test_numbers_out_of_range(rounds, epochs, name):
    with pytest.raises(InputError, match=f"{name} 0 is out of range"):
        Rounds(parts()[1], rounds, epochs)
