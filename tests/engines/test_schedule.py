import pytest
import torch
from ignite.engine import Events
from torch.optim.lr_scheduler import OneCycleLR

from segpeft.engines import OneCycle
from segpeft.errors import InputError
from tests.engines.tiny import adam, network, trainer


def rates(engine, optimizer):
    seen = []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(optimizer.param_groups[0]["lr"]))
    engine.run()
    return seen


def test_is_torchs_schedule_over_exactly_this_run():
    net = network()
    optimizer = adam(net)
    engine = trainer(net, optimizer, [OneCycle(optimizer, 0.05)], max_epochs=1)
    engine.state.max_epochs = 3  # as a server does, which knows nothing of schedules
    found = rates(engine, optimizer)

    reference = adam(network())
    schedule, expected = OneCycleLR(reference, 0.05, total_steps=12), []
    for _ in range(12):
        expected.append(reference.param_groups[0]["lr"])
        reference.step()
        if len(expected) < 12:
            schedule.step()
    assert found == pytest.approx(expected, rel=1e-12)
    assert max(found) == pytest.approx(0.05, rel=0.1)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 / 25 / 1e4)


def test_a_rise_of_one_step():
    """For which torch's schedule divides by zero."""
    net = network()
    optimizer = adam(net)
    engine = trainer(net, optimizer, [OneCycle(optimizer, 0.05, pct_start=0.25)], max_epochs=1)
    assert len(rates(engine, optimizer)) == 4


def test_a_second_run_gets_a_schedule_of_its_own():
    net = network()
    optimizer = adam(net)
    engine = trainer(net, optimizer, [OneCycle(optimizer, 0.05)], max_epochs=1)
    first = rates(engine, optimizer)
    engine.state.max_epochs = None
    engine.state.max_epochs = 1
    engine.run()
    assert first[0] == pytest.approx(0.05 / 25)
    assert optimizer.param_groups[0]["initial_lr"] == pytest.approx(0.05 / 25)


def test_state_is_safe_to_load(tmp_path):
    net = network()
    optimizer = adam(net)
    schedule = OneCycle(optimizer, 0.05)
    trainer(net, optimizer, [schedule], max_epochs=1).run()
    torch.save(schedule.state_dict(), tmp_path / "s.pt")
    assert torch.load(tmp_path / "s.pt", weights_only=True)["total_steps"] == 4


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_out_of_range_is_an_error(rate):
    with pytest.raises(InputError, match="max_lr"):
        OneCycle(adam(network()), rate)
