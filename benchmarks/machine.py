"""What the numbers were measured on."""

import ctypes
import gc
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch


def describe_machine() -> dict[str, Any]:
    """Returns processor, cores, versions, threads, and the time now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


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
