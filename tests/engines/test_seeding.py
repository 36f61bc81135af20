import random

import numpy as np
import pytest
import torch
from ignite.engine import Events
from torch.utils.data import DistributedSampler

from segpeft.engines import SeedEveryEpoch
from segpeft.engines.seeding import epoch_seed
from segpeft.errors import InputError
from tests.engines.tiny import adam, cases, network, trainer


def test_every_epoch_draws_its_own_numbers_and_always_the_same():
    def draws():
        net, seen = network(), []
        engine = trainer(net, adam(net), [SeedEveryEpoch(5)], max_epochs=3)
        engine.add_event_handler(Events.EPOCH_STARTED, lambda: seen.append(_draw()))
        engine.run()
        return seen

    first, again = draws(), draws()
    assert first == again
    assert len(set(first)) == 3


def _draw():
    return float(torch.rand(1)), float(np.random.rand()), random.random()  # noqa: NPY002


def test_the_order_of_cases_depends_on_seed_and_epoch_only():
    def orders(seed):
        net, seen = network(), []

        class Spy:
            def __call__(self, data):
                seen.append(data["case"])
                return data

        data = torch.utils.data.DataLoader(_Mapped(cases(6), Spy()), batch_size=None, shuffle=True)
        engine = trainer(net, adam(net), [SeedEveryEpoch(seed)], train_data_loader=data, prepare_batch=_add_batch)
        engine.run()
        return [seen[:6], seen[6:]]

    first, second = orders(1)
    assert sorted(first) == sorted(second)
    assert first != second
    assert orders(1) == [first, second]
    assert orders(2) != [first, second]


class _Mapped(torch.utils.data.Dataset):
    def __init__(self, data, transform):
        self.data, self.transform = data, transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transform(self.data[index])


def _add_batch(batch, device, non_blocking):
    return batch["image"][None], batch["label"][None]


def test_a_sampler_is_told_the_epoch():
    class Sampler(DistributedSampler):
        epochs = ()

        def set_epoch(self, epoch):
            self.epochs = (*self.epochs, epoch)
            super().set_epoch(epoch)

    net, data = network(), cases(4)
    sampler = Sampler(data, num_replicas=2, rank=1)
    batches = torch.utils.data.DataLoader(data, sampler=sampler)
    trainer(net, adam(net), [SeedEveryEpoch()], train_data_loader=batches).run()
    assert set(sampler.epochs) == {1, 2}


def test_epoch_length_below_the_loader_starts_over_each_epoch():
    net = network()
    engine = trainer(net, adam(net), [SeedEveryEpoch()], epoch_length=3, max_epochs=2)
    engine.run()
    assert engine.state.iteration == 6


def test_neighbouring_seeds_share_no_epoch():
    made = [epoch_seed(seed, epoch, process) for seed in range(4) for epoch in range(20) for process in range(2)]
    assert len(set(made)) == len(made)


def test_a_negative_seed_is_an_error():
    with pytest.raises(InputError, match="seed -1"):
        SeedEveryEpoch(-1)
