"""What the numbers were measured on."""

import ctypes
import gc
import platform
import sys
from datetime import datetime, timezone
from typing import Any

import torch

from segpeft.machine import machine


def describe_machine() -> dict[str, Any]:
    """Returns processor, cores, versions, threads, and the time now."""
    found = machine()
    return {
        "processor": found["cpu"],
        "cores": found["cores"],
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": found["python"],
        "torch": found["torch"],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def keep_freed_memory() -> bool:
    """Lets glibc keep freed memory in the process, as torch's allocator does on a GPU; returns whether it is so now.

    Otherwise each large tensor is mapped anew and its first touch costs a page fault every 4 kB, which on a virtual
    machine takes several times as long as an elementwise operation and hides what is compared.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(mallopt is not None and mallopt(-4, 0) and mallopt(-1, -1))  # M_MMAP_MAX = 0, M_TRIM_THRESHOLD = never


def give_memory_back() -> None:
    """Returns what :func:`keep_freed_memory` has kept; between measurements, so that it does not add up."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def peak_gigabytes() -> float | None:
    """Returns the largest resident memory of this process so far in GB (10^9 bytes), None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
