"""What this machine has: device, free memory and disk, cores, shared memory for workers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segpeft.data.survey import CaseFacts
from segpeft.engines.precision import autocast_dtype
from segpeft.finding import NOTE, WARNING, Finding
from segpeft.machine import machine

SHARED = Path("/dev/shm")
LITTLE_SHARED = 1 << 30
"""Bytes: what containers get by default is 64 MB, and a batch of volumes goes through it."""
CACHED_BYTES = 3
"""Of a voxel and channel in the cache of prepared cases: 16 bits and a share of the masks; cropping makes it less."""
LITTLE_DISK = 5 << 30
"""Bytes: for weights, logs and pictures of one training."""


def check_resources(knobs: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields what the machine has, and what it lacks for the knobs.

    Args:
        knobs: values of `amp` and `num_workers`, those that there are.
    """
    found = machine()
    text = f"{found['gpu'] or 'no CUDA device: trains on the CPU'}; {found['cpu']}, {found['cores']} cores"
    memory = free_memory()
    yield Finding("device", text + (f", {_gb(memory)} of memory free" if memory else ""), NOTE)
    if knobs.get("amp"):
        dtype = autocast_dtype(default_device(), True)
        said = f"computes in {str(dtype).removeprefix('torch.')}" if dtype else "has no effect on a CPU"
        yield Finding("device", f"amp {said}", NOTE)
    yield from _workers(int(knobs.get("num_workers") or 0), int(found["cores"] or 1))


def check_disk(knobs: Mapping[str, Any], facts: Sequence[CaseFacts]) -> Iterator[Finding]:
    """Yields where a training writes, and whether there is room.

    Args:
        knobs: values of `cache_dir` and `output_dir`, those that there are.
        facts: of the cases that will be prepared.
    """
    cached = sum(
        CACHED_BYTES * int(np.prod(channel.grid.shape))
        for case in facts
        if case.label
        for channel in case.channels
        if channel.grid
    )
    for name in ("cache_dir", "output_dir"):
        if isinstance(knobs.get(name), str):
            needed = cached if name == "cache_dir" else None
            yield from _disk(name, Path(knobs[name]), needed)


def default_device() -> torch.device:
    """Returns the device that bundles take unless told otherwise."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def free_memory(device: torch.device | None = None) -> int | None:
    """Returns the bytes that a process may still take: of a CUDA device, or of the host; None where nobody says."""
    if device is not None and device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    limits = [_number(Path("/sys/fs/cgroup") / name) for name in ("memory.max", "memory.current")]
    if free is not None and limits[0] is not None and limits[1] is not None:
        free = min(free, limits[0] - limits[1])
    return free


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max" where there is no limit
        return None


def _workers(workers: int, cores: int) -> Iterator[Finding]:
    if workers > cores:
        yield Finding("workers", f"num_workers is {workers}, this process may use {cores} cores", WARNING)
    if workers and SHARED.is_dir():
        free = shutil.disk_usage(SHARED).free
        if free < LITTLE_SHARED:
            text = f"{SHARED} has {_gb(free)}, through which workers hand over batches"
            yield Finding("workers", f"{text}; enlarge it (docker: --shm-size) or set num_workers to 0", WARNING)


def _disk(name: str, folder: Path, needed: int | None) -> Iterator[Finding]:
    there = next((parent for parent in (folder, *folder.parents) if parent.exists()), Path("."))
    if not os.access(there, os.W_OK):
        yield Finding("disk", f"{name} {folder}: {there} is not writable", WARNING)
        return
    free = shutil.disk_usage(there).free
    if free < (needed or LITTLE_DISK):
        wanted = f"the prepared cases take about {_gb(needed)}" if needed else f"less than {_gb(LITTLE_DISK)}"
        yield Finding("disk", f"{name} {folder}: {_gb(free)} free, {wanted}", WARNING)
    elif needed:
        yield Finding("disk", f"{name} {folder}: {_gb(free)} free, prepared cases take about {_gb(needed)}", NOTE)


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
