"""Batch norm in several processes: adapters and decoders hold it, and each process sees a part of the batch."""

from __future__ import annotations

import torch
import torch.distributed as dist
from ignite.engine import Engine, Events
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from .checkpoint_loading import bare_network
from .distributed import is_distributed


def distribute(network: nn.Module, device: torch.device | str) -> nn.parallel.DistributedDataParallel:
    """Returns ``network`` on ``device``, as one of several that are trained together.

    On CUDA batch norms take their statistics over all processes. torch has no such batch norm on a CPU: there each
    process uses and keeps those of its part (buffers are not broadcast), and :class:`SharedStatistics` averages them.

    Args:
        network: the whole network; what ``apply_peft`` left on it stays.
        device: of this process.
    """
    device = torch.device(device)
    cuda = device.type == "cuda"
    if cuda:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return nn.parallel.DistributedDataParallel(
        network.to(device), device_ids=[device] if cuda else None, broadcast_buffers=cuda
    )


class SharedStatistics:
    """Averages the running statistics of batch norms over all processes after every epoch, before it is judged.

    With one process, and where batch norm is synchronised anyway, nothing changes.

    Args:
        network: in training.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer; to stand before the handler that validates."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Averages."""
        if not is_distributed():
            return
        for statistic in running_statistics(bare_network(self.network)):
            if statistic.is_floating_point():  # the others count batches, of which every process has as many
                dist.all_reduce(statistic)
                statistic /= dist.get_world_size()


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Returns what the norms of ``network`` keep from batch to batch: running means and variances, and counts."""
    norms = [module for module in network.modules() if isinstance(module, _NormBase)]
    return [buffer for norm in norms for buffer in norm.buffers(recurse=False)]
