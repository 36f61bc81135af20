import json

import pytest
import torch
from ignite.engine import Events

from segpeft.engines import EvaluationHandlers, OneCycle, TrainingHandlers
from segpeft.errors import InputError
from tests.engines.tiny import adam, network, trainer, validator


def handlers(net, optimizer, folder, **options):
    return TrainingHandlers(net, optimizer, OneCycle(optimizer, 0.01), folder / "out", **options)


def test_a_training_leaves_its_files_and_validates_in_time(tmp_path):
    net = network()
    optimizer, judge, validated = adam(net), validator(net), []
    judge.add_event_handler(Events.STARTED, lambda engine: validated.append(engine.state.max_epochs))
    made = handlers(net, optimizer, tmp_path, validator=judge, val_interval=2, model_path=tmp_path / "model.pt")
    trainer(net, optimizer, [made], max_epochs=4).run()
    assert validated == [2, 4]
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names[0].startswith("events.")
    assert names[1:] == ["record.json", "run.json", "training_state.pt"]
    assert (tmp_path / "model.pt").is_file()


def test_what_was_saved_is_resumed(tmp_path):
    net = network()
    optimizer = adam(net)
    trainer(net, optimizer, [handlers(net, optimizer, tmp_path)], max_epochs=2).run()
    other = network(seed=1)
    optimizer = adam(other)
    engine = trainer(other, optimizer, [handlers(other, optimizer, tmp_path, resume=True)], max_epochs=2)
    record = tmp_path / "out" / "record.json"
    before = json.loads(record.read_text())
    engine.run()
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))
    assert before["earlier"] == []
    (earlier,) = json.loads(record.read_text())["earlier"]
    assert earlier == {name: before[name] for name in ("started", "versions", "git", "machine")}


def test_without_a_validator_or_a_model_path_there_is_neither(tmp_path):
    net = network()
    kinds = [type(part).__name__ for part in handlers(net, adam(net), tmp_path).parts]
    assert not {"ValidationHandler", "ModelSaver"} & set(kinds)
    assert kinds[0] == "BaseLoader"  # what is loaded later replaces it
    assert kinds.index("TrainingState") > kinds.index("SeedEveryEpoch")


@pytest.mark.parametrize(
    ("wrong", "expected"), [({"val_interval": 0}, "val_interval 0"), ({"seed": -1}, "seed -1")], ids=str
)
def test_a_number_out_of_range(wrong, expected, tmp_path):
    net = network()
    with pytest.raises(InputError, match=expected):
        handlers(net, adam(net), tmp_path, **wrong)


def test_an_evaluation_loads_and_reports(tmp_path):
    net, trained = network(), network(seed=1)
    torch.save(trained.state_dict(), tmp_path / "model.pt")
    made = EvaluationHandlers(net, tmp_path / "model.pt", tmp_path / "out")
    validator(net, val_handlers=[made]).run()
    assert torch.equal(net[0].weight, trained[0].weight)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["cases.csv", "cases_summary.json", "record.json", "run.json"]
