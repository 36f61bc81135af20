import math

import pytest
import torch
from ignite.engine import Events

from segpeft.engines import WarmupCosine
from segpeft.errors import InputError
from tests.engines.tiny import adam, network, trainer


def planned(net, optimizer, epochs=5, **options):
    schedule = WarmupCosine(optimizer, 0.1, **options)
    return trainer(net, optimizer, [schedule], max_epochs=epochs), schedule


def rates(epochs=5, **options):
    net = network()
    optimizer = adam(net)
    engine, _ = planned(net, optimizer, epochs, **options)
    seen = []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(optimizer.param_groups[0]["lr"]))
    engine.run()
    return seen


def test_a_line_then_half_a_cosine():
    found = rates(warmup=0.25, min_lr=0.01)
    rise = [0.1 * (step + 1) / 5 for step in range(5)]
    fall = [0.01 + 0.09 * (1 + math.cos(math.pi * step / 14)) / 2 for step in range(15)]
    assert found == pytest.approx(rise + fall, rel=1e-9)


@pytest.mark.parametrize(("warmup", "first"), [(0.0, 0.1), (0.01, 0.1), (0.99, 0.1 / 20)])
def test_extremes(warmup, first):
    found = rates(warmup=warmup)
    assert len(found) == 20
    assert found[0] == pytest.approx(first)
    assert all(0 <= rate <= 0.1 for rate in found)


def test_a_state_saved_halfway_goes_on_exactly(tmp_path):
    whole = rates(warmup=0.2)
    net = network()
    optimizer = adam(net)
    engine, schedule = planned(net, optimizer, warmup=0.2)

    @engine.on(Events.ITERATION_COMPLETED(once=8))
    def _(engine):
        torch.save({"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "s.pt")

    engine.run()
    state = torch.load(tmp_path / "s.pt", weights_only=True)
    again = adam(network())
    resumed, later = planned(network(), again, warmup=0.2)
    resumed.state.epoch_length = 4
    later.start(resumed)
    again.load_state_dict(state["optimizer"])
    later.load_state_dict(state["schedule"])
    seen = []
    for _ in range(8, 20):
        seen.append(again.param_groups[0]["lr"])
        again.step()
        later.step(resumed)
    assert seen == whole[8:]


def test_another_length_is_refused():
    net = network()
    engine, schedule = planned(net, adam(net))
    engine.run()
    state = schedule.state_dict()
    other, theirs = planned(net, adam(net), epochs=3)
    other.state.epoch_length = 4
    theirs.start(other)
    with pytest.raises(InputError, match="planned for 20 steps"):
        theirs.load_state_dict(state)


@pytest.mark.parametrize("knobs", [{"warmup": 1.0}, {"warmup": -0.1}, {"min_lr": 0.2}])
def test_knobs_out_of_range(knobs):
    with pytest.raises(InputError, match=next(iter(knobs))):
        WarmupCosine(adam(network()), 0.1, **knobs)
