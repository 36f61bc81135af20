"""Adapters trained in two processes stay equal, also those of a channel that no case has."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from segpeft.networks import ChannelUNETR
from segpeft.peft import ChannelLoRA, apply_peft, trainable_parameters
from tests.peft.methods import shake
from tests.two_processes import in_two_processes


def _train(rank: int, recompute: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    plain = ChannelUNETR(2, 1, (16, 16, 8), 2, (8, 8, 4), 12, 16, 4, 2)
    network = shake(apply_peft(plain, ChannelLoRA(rank=2, channels=2, recompute=recompute)))
    start = {name: p.detach().clone() for name, p in network.named_parameters()}
    distributed = DistributedDataParallel(network)  # raises on a parameter without a gradient
    optimizer = torch.optim.SGD(trainable_parameters(network), lr=0.1)
    for step in range(2):
        image = torch.randn(1, 2, 16, 16, 8, generator=torch.Generator().manual_seed(10 * step + rank))
        optimizer.zero_grad()
        distributed(image, torch.tensor([[1.0, 0.0]])).square().mean().backward()
        optimizer.step()
    ends = {f"end {name}": p.detach() for name, p in network.named_parameters()}
    return {**{f"start {name}": value for name, value in start.items()}, **ends}


def _train_kept(rank: int, folder: str) -> dict[str, Tensor]:
    return _train(rank, recompute=False)


def _train_recomputed(rank: int, folder: str) -> dict[str, Tensor]:
    return _train(rank, recompute=True)


@pytest.mark.parametrize("work", [_train_kept, _train_recomputed], ids=["kept", "recomputed"])
def test_two_processes_end_with_equal_weights(work, tmp_path):
    first, second = in_two_processes(work, tmp_path)
    assert all(torch.equal(first[name], second[name]) for name in first)
    names = [name.removeprefix("end ") for name in first if name.startswith("end vit.")]
    moved = {name for name in names if not torch.equal(first[f"start {name}"], first[f"end {name}"])}
    assert moved == {name for name in names if "lora" in name}
    for name in moved:
        assert torch.equal(first[f"start {name}"][1], first[f"end {name}"][1])  # the absent channel
