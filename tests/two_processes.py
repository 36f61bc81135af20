"""Two processes joined by gloo, for tests of what happens between ranks."""

import os

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

PROCESSES = 2


def in_two_processes(work, folder):
    """Runs ``work(rank, folder)`` in two processes joined by gloo and returns what each gave."""
    mp.start_processes(_join, (work, str(folder)), nprocs=PROCESSES, start_method="fork")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(PROCESSES)]


def _join(rank, work, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    torch.save(work(rank, folder), os.path.join(folder, f"{rank}.pt"))
    dist.destroy_process_group()
