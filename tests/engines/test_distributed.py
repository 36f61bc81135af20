import os

import pytest
import torch
from monai.data import DataLoader

from segpeft.engines import Evaluator, RegionDice
from segpeft.engines.distributed import any_process, gather_items, main_first
from segpeft.engines.non_finite import NonFiniteGuard
from segpeft.errors import InputError
from tests.engines.tiny import SCHEME, adam, cases, network, trainer
from tests.two_processes import in_two_processes


def _agree(rank, folder):
    marker = os.path.join(folder, "prepared")
    seen = []

    def prepare():
        seen.append(os.path.exists(marker))
        open(marker, "w").close()

    main_first(prepare)
    return {
        "gathered": gather_items(["a", "b"] if rank else []),
        "one": any_process(torch.tensor(rank == 1)),
        "none": any_process(torch.tensor(False)),
        "prepared": seen,
    }


def test_processes_agree(tmp_path):
    results = in_two_processes(_agree, tmp_path)
    for result in results:
        assert result["gathered"] == ["a", "b"]
        assert result["one"] is True
        assert result["none"] is False
    assert [result["prepared"] for result in results] == [[False], [True]]


def _evaluate(rank, folder):
    data = cases(4)[:3] if rank == 0 else [cases(4)[2]]  # unequal shares, one case twice as samplers pad
    net = torch.nn.Identity()
    engine = Evaluator("cpu", DataLoader(data), net, key_val_metric={"dice": RegionDice(SCHEME)})
    engine.run()
    return {name: float(value) for name, value in engine.state.metrics.items()}


def test_metrics_count_every_case_of_all_processes_once(tmp_path):
    first, second = in_two_processes(_evaluate, tmp_path)
    assert first == second
    assert first["cases"] == 3


def _reject(rank, folder):
    class Rejecting:
        dataset = cases(2)
        rejected = ["case9: broken"] if rank else []

        def __len__(self):
            return 1

        def __iter__(self):
            return iter(DataLoader(cases(1)) if rank == 0 else [])

    engine = Evaluator("cpu", Rejecting(), torch.nn.Identity(), key_val_metric={"dice": RegionDice(SCHEME)})
    try:
        engine.run()
    except InputError as error:
        return {"message": str(error), "cases": engine.state.metrics["cases"]}
    return {}


def test_a_process_without_good_cases_holds_nobody_up(tmp_path):
    for result in in_two_processes(_reject, tmp_path):
        assert result == {"message": "1 of 2 cases were rejected: case9: broken", "cases": 1}


class Buffered(torch.nn.Module):
    """Has a buffer, which a wrapped network sends around at every call."""

    def __init__(self):
        super().__init__()
        self.layer = network()
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x):
        return self.layer(x) * self.scale


def _train_and_validate(rank, folder):
    wrapped = torch.nn.parallel.DistributedDataParallel(Buffered())
    factors = iter([1.0, float("nan") if rank == 1 else 1.0, 1.0, 1.0])
    optimizer = adam(wrapped)
    engine = trainer(wrapped, optimizer, loss_function=lambda z, y: z.square().mean() * next(factors), max_epochs=1)
    engine.run()
    share = cases(3) if rank == 0 else []
    judge = Evaluator("cpu", DataLoader(share), wrapped, key_val_metric={"dice": RegionDice(SCHEME)})
    judge.run()
    return {
        "skipped": engine.guard.skipped,
        "weight": wrapped.module.layer[3].weight.detach().clone(),
        "cases": judge.state.metrics["cases"],
        "iterations": judge.state.iteration,
    }


def test_a_wrapped_network_trains_alike_and_validates_unequal_shares(tmp_path):
    first, second = in_two_processes(_train_and_validate, tmp_path)
    assert first["skipped"] == second["skipped"] == 1  # the bad loss was on one process only
    assert torch.equal(first["weight"], second["weight"])
    assert torch.isfinite(first["weight"]).all()
    assert (first["cases"], first["iterations"]) == (3, 3)
    assert (second["cases"], second["iterations"]) == (3, 0)


def test_alone_everything_is_trivial():
    assert gather_items([1]) == [1]
    assert any_process(torch.tensor(True)) is True
    with pytest.raises(InputError, match="max_bad_steps"):
        NonFiniteGuard(0)
