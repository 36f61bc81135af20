import pytest
import torch
from ignite.engine import Events
from monai.handlers import ValidationHandler
from torch import nn

from segpeft.engines import OneCycle, SeedEveryEpoch, TrainingState
from segpeft.errors import InputError
from tests.engines.tiny import adam, loader, network, trainer, validator


class Killed(BaseException):
    """Stands for the end of the process."""


def build(path, resume=False, workers=0, epochs=4, seed=7, initial=0, count=4, state_first=False):
    """Everything a training needs, made anew."""
    net = network(initial).append(nn.BatchNorm3d(2))  # its running statistics have to survive, too
    optimizer = adam(net)
    schedule = OneCycle(optimizer, max_lr=0.05)
    judge = validator(net)
    state = TrainingState(path, net, optimizer, schedule, judge, resume=resume)
    handlers = [SeedEveryEpoch(seed), schedule, ValidationHandler(1, judge), state]
    if state_first:
        handlers.reverse()
    engine = trainer(net, optimizer, handlers, max_epochs=epochs, train_data_loader=loader(count, workers))
    return engine, net, judge


def kill_at(engine, iteration):
    def kill():
        raise Killed

    engine.add_event_handler(Events.ITERATION_COMPLETED(once=iteration), kill)


@pytest.mark.parametrize("workers", [0, 2], ids=["no workers", "two workers"])
@pytest.mark.parametrize("state_first", [False, True], ids=["in order", "reversed handlers"])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, workers, state_first):
    engine, whole, judge = build(tmp_path / "whole.pt", workers=workers, state_first=state_first)
    engine.run()
    expected = dict(judge.state.metrics), judge.state.best_metric, judge.state.best_metric_epoch

    path = tmp_path / "state.pt"
    engine, _, _ = build(path, workers=workers, state_first=state_first)
    kill_at(engine, 4 * 2 + 3)
    with pytest.raises(Killed):
        engine.run()
    torch.rand(17)  # the new process would be in another random state
    engine, resumed, judge = build(path, True, workers, initial=99, state_first=state_first)
    starts = []
    engine.add_event_handler(Events.EPOCH_STARTED, lambda: starts.append(engine.state.epoch))
    engine.run()

    assert starts == [3, 4]
    assert engine.state.iteration == 16
    assert (dict(judge.state.metrics), judge.state.best_metric, judge.state.best_metric_epoch) == expected
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_without_seeding_it_would_differ(tmp_path):
    """Shows that the test above can fail: dropout, noise and order draw on where a run stands."""
    results = []
    for seed in (1, 2):
        engine, net, _ = build(tmp_path / f"{seed}.pt", seed=seed, epochs=1)
        engine.run()
        results.append(net[3].weight.detach().clone())
    assert not torch.equal(*results)


def test_the_best_metric_survives(tmp_path):
    path = tmp_path / "state.pt"
    build(path)[0].run()
    saved = torch.load(path, weights_only=True)
    saved["best_metric"], saved["best_metric_epoch"], saved["epoch"], saved["iteration"] = 2.0, 1, 3, 12
    torch.save(saved, path)
    engine, _, judge = build(path, resume=True)
    engine.run()
    assert (judge.state.best_metric, judge.state.best_metric_epoch) == (2.0, 1)


def test_a_finished_training_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "state.pt"
    build(path)[0].run()
    engine, _, _ = build(path, resume=True)
    engine.run()
    assert engine.state.iteration == 16
    assert engine.state.epoch == 4


def test_resume_without_a_file_starts_at_the_beginning(tmp_path):
    engine, _, _ = build(tmp_path / "none" / "state.pt", resume=True, epochs=1)
    engine.run()
    assert engine.state.iteration == 4
    assert (tmp_path / "none" / "state.pt").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 8}, "seed was 7, expected this run's 8"),
        ({"count": 3}, "epoch_length was 4, expected this run's 3"),
        ({"epochs": 9}, "planned for 16 steps, this run has 36"),
    ],
    ids=["seed", "data", "epochs"],
)
def test_another_training_is_refused(tmp_path, change, message):
    path = tmp_path / "state.pt"
    build(path)[0].run()
    with pytest.raises(InputError, match=message) as caught:
        build(path, resume=True, **change)[0].run()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04broken"], ids=["empty", "text", "broken zip"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "state.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="state.pt: not a readable weights file") as caught:
        build(path, resume=True)[0].run()
    assert "\n" not in str(caught.value)


def test_kept_workers_are_refused(tmp_path):
    net = network()
    batches = torch.utils.data.DataLoader([{}], num_workers=1, persistent_workers=True)
    with pytest.raises(InputError, match="persistent_workers"):
        trainer(net, adam(net), [SeedEveryEpoch()], train_data_loader=batches).run()
