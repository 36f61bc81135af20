"""The few things that several processes of one training agree on; with one process each is trivial."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

LONGEST_WAIT = timedelta(hours=24)


def is_distributed() -> bool:
    """Tells whether a process group is up."""
    return dist.is_available() and dist.is_initialized()


def join_processes(backend: str) -> None:
    """Makes this process one of those that torchrun started, for an evaluation or inference.

    Shares of cases take unequal time, and a process that is done waits for the others: longer, where volumes are large,
    than the 10 minutes after which NCCL gives up by default. If one dies, torchrun ends the others; nobody waits.

    Args:
        backend: ``nccl`` or ``gloo``.
    """
    dist.init_process_group(backend, timeout=LONGEST_WAIT)


def rank() -> int:
    """Returns the number of this process, 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def processes() -> int:
    """Returns how many processes there are, 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def is_main() -> bool:
    """Tells whether this process is the one that writes files and speaks."""
    return rank() == 0


def gather_items(items: list[Any]) -> list[Any]:
    """Returns the items of all processes, by rank; a process without items takes part all the same."""
    if not is_distributed():
        return list(items)
    gathered: list[Any] = [None] * processes()
    dist.all_gather_object(gathered, items)
    return [item for part in gathered for item in part]


def any_process(flag: Tensor) -> bool:
    """Tells whether ``flag`` (one truth value on this process's device) is true on at least one process."""
    if is_distributed():
        flag = flag.to(torch.int32)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag)


def main_first(action: Callable[[], None]) -> None:
    """Runs ``action`` on the main process, then on the others, which find what the first one left on disk.

    The wait goes over a group of its own, because preparing a data set may take longer than the 10 minutes after which
    NCCL gives up.
    """
    if not is_distributed():
        action()
        return
    waiting = dist.new_group(backend="gloo", timeout=LONGEST_WAIT)
    if is_main():
        action()
    dist.barrier(group=waiting)
    dist.destroy_process_group(waiting)
    if not is_main():
        action()
