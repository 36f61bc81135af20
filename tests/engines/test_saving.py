import logging

import pytest
import torch
from ignite.engine import Events
from monai.handlers import ValidationHandler

from segpeft.engines import ModelLoader, ModelSaver, load_model
from segpeft.errors import InputError
from segpeft.peft import hold_frozen_in
from tests.engines.adapted import adapted
from tests.engines.tiny import adam, network, trainer, validator


class Scripted:
    """Makes the validator's key metric say what the test wants."""

    def __init__(self, values):
        self.values = iter(values)

    def attach(self, engine, name):
        @engine.on(Events.EPOCH_COMPLETED)
        def say(engine):
            engine.state.metrics[name] = next(self.values)


def train(path, values, at_validator=False, **options):
    net = network()
    judge = validator(net)
    judge = type(judge)("cpu", judge.data_loader, net, key_val_metric={"dice": Scripted(values)})
    saver = ModelSaver(net, path, validator=None if at_validator else judge)
    if at_validator:
        saver.attach(judge)
    kept = []
    handlers = [ValidationHandler(1, judge), *([] if at_validator else [saver])]
    engine = trainer(net, adam(net), handlers, max_epochs=len(values), **options)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: kept.append(net[3].weight.detach().clone()))
    engine.run()
    return kept


@pytest.mark.parametrize("at_validator", [False, True], ids=["at the trainer", "at the validator"])
@pytest.mark.parametrize(("values", "best"), [([0.1, 0.5, 0.2], 1), ([0.0, 0.0], 0), ([0.1, 0.2, 0.3], 2)])
def test_the_best_network_is_kept(tmp_path, values, best, at_validator):
    path = tmp_path / "models" / "model.pt"
    kept = train(path, values, at_validator)
    assert torch.equal(torch.load(path, weights_only=True)["3.weight"], kept[best])
    assert [file.name for file in path.parent.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("judged", [False, True], ids=["no validator", "never run"])
def test_without_validation_the_last_network_is_kept(tmp_path, judged):
    net = network()
    saver = ModelSaver(net, tmp_path / "model.pt", validator=validator(net) if judged else None)
    trainer(net, adam(net), [saver]).run()
    assert torch.equal(torch.load(tmp_path / "model.pt", weights_only=True)["3.weight"], net[3].weight)


def test_both_files_are_written_in_float32_and_their_sizes_logged(tmp_path, caplog):
    net = adapted()
    hold_frozen_in(net, torch.bfloat16)
    with caplog.at_level(logging.INFO):
        ModelSaver(net, tmp_path / "model.pt", tmp_path / "adapters" / "brain.safetensors").save("test")
    assert {v.dtype for v in torch.load(tmp_path / "model.pt", weights_only=True).values()} == {torch.float32}
    assert "model.pt" in caplog.text
    assert "brain.safetensors" in caplog.text
    assert "backbone_peft" in caplog.text

    other = adapted(seed=1)
    load_model(other, tmp_path / "model.pt")
    assert torch.equal(other(torch.ones(1, 1, 8, 8, 8))[0], _float(net)(torch.ones(1, 1, 8, 8, 8))[0])
    again = adapted()
    load_model(again, tmp_path / "adapters" / "brain.safetensors")
    for name, value in again.state_dict().items():
        if "lora" in name:
            assert torch.equal(value, net.state_dict()[name])


def _float(net):
    return net.float()


def test_a_wrapped_network_is_saved_without_its_wrapper(tmp_path):
    class Wrapper(torch.nn.Module):
        """What torch.compile returns, without its import of seconds."""

        def __init__(self, network):
            super().__init__()
            self._orig_mod = network

    net = network()
    ModelSaver(Wrapper(net), tmp_path / "model.pt").save("test")
    assert set(torch.load(tmp_path / "model.pt", weights_only=True)) == set(net.state_dict())


def test_an_unwritable_place_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"old")

    class Unsaveable(torch.nn.Module):
        def state_dict(self, *args, **kwargs):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        ModelSaver(Unsaveable(), path).save("test")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt"]


def test_the_loader_loads_when_the_run_starts(tmp_path):
    ModelSaver(network(seed=1), tmp_path / "model.pt").save("test")
    net = network(seed=2)
    engine = validator(net, val_handlers=[ModelLoader(net, tmp_path / "model.pt")])
    assert not torch.equal(net[3].weight, network(seed=1)[3].weight)
    engine.run()
    assert torch.equal(net[3].weight, network(seed=1)[3].weight)


def test_the_loader_reports_in_one_line(tmp_path, caplog):
    net = network()
    engine = validator(net, val_handlers=[ModelLoader(net, tmp_path / "none.pt")])
    with caplog.at_level(logging.ERROR), pytest.raises(InputError, match="none.pt: no such file"):
        engine.run()
    assert not caplog.records
