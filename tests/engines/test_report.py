import json
from statistics import median

import pytest
from monai.handlers import ValidationHandler

from segpeft.engines import RunSummary
from segpeft.engines.memory import peak_host_memory
from segpeft.engines.step_cost import StepCost
from tests.engines.tiny import adam, network, trainer, validator


def test_of_a_training(tmp_path):
    net = network()
    judge = validator(net)
    handlers = [RunSummary(tmp_path / "out", net, judge), ValidationHandler(1, judge)]
    engine = trainer(net, adam(net), handlers)
    assert not list(tmp_path.iterdir())
    engine.run()
    result = json.loads((tmp_path / "out" / "run.json").read_text())
    frozen, free = 4 * 2 * 27 + 4, 2 * 4 + 2
    assert result["parameters"]["total"] == frozen + free
    assert result["parameters"]["trainable"] == free
    assert (result["epochs"], result["iterations"]) == (2, 8)
    assert result["best_metric"] == judge.state.best_metric
    assert result["metrics"]["dice_core"] == judge.state.metrics["dice_core"]
    assert 0 < result["seconds"] < 60
    assert result["peak_host_bytes"] is None or 1e7 < result["peak_host_bytes"] < 1e11


def test_of_an_evaluation(tmp_path):
    net = network()
    validator(net, val_handlers=[RunSummary(tmp_path, net, name="evaluation")]).run()
    result = json.loads((tmp_path / "evaluation.json").read_text())
    assert result["metrics"]["cases"] == 2
    assert result["best_metric"] is None


def test_cost_of_a_step(tmp_path):
    net = network()
    cost = StepCost(net)
    engine = trainer(net, adam(net), [cost, RunSummary(tmp_path, net, cost=cost)])
    inferer = engine.inferer
    engine.run()
    result = json.loads((tmp_path / "run.json").read_text())
    hidden = 4 * 4 * 6**3  # bytes of four maps, kept by the ReLU, the dropout and the last convolution
    assert hidden <= result["saved_bytes"] <= 5 * hidden
    assert result["seconds_per_step"] == pytest.approx(median(cost.seconds[1:]), abs=1e-5)
    assert len(cost.seconds) == 8
    assert engine.inferer is inferer


def test_peak_memory_grows_with_use():
    before = peak_host_memory()
    if before is None:
        return
    block = bytearray(300 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    assert peak_host_memory() >= max(before, 300 * 2**20)
