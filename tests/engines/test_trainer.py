import logging

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader
from torch import nn

from segpeft.engines import Trainer
from segpeft.errors import InputError
from tests.engines.tiny import adam, cases, loader, network, trainer


class Untouchable(torch.utils.data.Dataset):
    """A data set that may not be looked at before it is prepared."""

    def __init__(self):
        self.prepared = 0

    def prepare(self):
        self.prepared += 1

    def __len__(self):
        if not self.prepared:
            raise RuntimeError("asked for its length before the run")
        return 2

    def __getitem__(self, index):
        return cases(2)[index]


def test_data_is_touched_only_by_the_run():
    net, data, validation = network(), Untouchable(), Untouchable()
    batches = torch.utils.data.DataLoader(data, batch_size=1, shuffle=False, sampler=None)
    engine = trainer(net, adam(net), train_data_loader=batches, prepare=[validation])
    assert data.prepared == validation.prepared == 0
    assert engine.state.epoch_length is None
    engine.run()
    assert data.prepared == validation.prepared == 1
    assert engine.state.epoch_length == 2
    assert engine.state.iteration == 4


def test_training_moves_trainable_weights_only():
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    trainer(net, adam(net)).run()
    after = net.state_dict()
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["3.weight"], after["3.weight"])


def test_epochs_may_change_after_construction():
    net = network()
    engine = trainer(net, adam(net), max_epochs=50)
    engine.state.max_epochs = 1
    engine.run()
    assert engine.state.epoch == 1


def test_the_network_gets_plain_tensors():
    seen = []

    class Spy(torch.nn.Conv3d):
        def forward(self, x):
            seen.append(type(x))
            return super().forward(x)

    net = Spy(2, 2, 1)
    trainer(net, adam(net), max_epochs=1).run()
    assert set(seen) == {torch.Tensor}


def test_no_batch_is_an_error():
    net = network()
    empty = DataLoader(cases(1), batch_size=2, drop_last=True)
    with pytest.raises(InputError, match="gives no batch"):
        trainer(net, adam(net), train_data_loader=empty).run()


def test_epochs_below_one_are_an_error():
    net = network()
    with pytest.raises(InputError, match="epochs 0"):
        trainer(net, adam(net), max_epochs=0).run()


def test_amp_is_off_on_a_cpu():
    net = network()
    engine = trainer(net, adam(net), amp=True)
    engine.run()
    assert engine.amp is False
    assert {p.dtype for p in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_a_step_with_a_bad_loss_changes_nothing(bad):
    net = network()
    optimizer = adam(net)
    losses = iter([1.0, bad, 1.0, 1.0])
    weights = []

    def loss(logits, label):
        return logits.square().mean() * next(losses)

    engine = trainer(net, optimizer, loss_function=loss, max_epochs=1)
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: weights.append(net[3].weight.detach().clone()))
    engine.run()
    assert engine.guard.skipped == 1
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    assert optimizer.state[net[3].weight]["step"] == 3


def test_a_bad_gradient_under_a_finite_loss_is_seen():
    class Poison(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * float("nan")

    net = network()
    before = net[3].weight.detach().clone()
    engine = trainer(net, adam(net), loss_function=lambda z, y: Poison.apply(z).mean(), max_epochs=1)
    engine.run()
    assert engine.guard.skipped == 4
    assert torch.equal(before, net[3].weight)


def test_a_skipped_step_leaves_the_statistics_of_batch_norms():
    net = nn.Sequential(nn.Conv3d(2, 4, 1), nn.BatchNorm3d(4), nn.Conv3d(4, 2, 1))
    engine = trainer(net, adam(net), loss_function=lambda z, y: z.mean() * float("nan"), max_epochs=1)
    engine.run()
    assert engine.guard.skipped == 4
    assert torch.equal(net[1].running_mean, torch.zeros(4))
    assert int(net[1].num_batches_tracked) == 0


def test_divergence_ends_in_one_line(caplog):
    net = network()
    engine = trainer(net, adam(net, lr=0.5), loss_function=lambda z, y: z.mean() * float("nan"), max_bad_steps=3)
    with caplog.at_level(logging.ERROR), pytest.raises(InputError) as caught:
        engine.run()
    assert "iteration 3, learning rate 0.5" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not caplog.records  # ignite's own two announcements of the error are left out


def test_bad_steps_count_in_a_row_only():
    net = network()
    factors = iter([float("nan"), 1.0] * 4)
    engine = trainer(net, adam(net), loss_function=lambda z, y: z.square().mean() * next(factors), max_bad_steps=2)
    engine.run()
    assert engine.guard.skipped == 4


def test_accumulated_gradients_step_once():
    net = network()
    optimizer = adam(net)
    trainer(net, optimizer, accumulation_steps=2, max_epochs=1, train_data_loader=loader(4)).run()
    assert optimizer.state[net[3].weight]["step"] == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_amp_holds_the_frozen_base_in_bfloat16():
    net = network().cuda()
    engine = Trainer("cuda", 1, loader(), net, adam(net), torch.nn.BCEWithLogitsLoss(), amp=True)
    engine.run()
    assert net[0].weight.dtype is torch.bfloat16
    assert net[3].weight.dtype is torch.float32
