"""Peak memory of this process."""

from __future__ import annotations

import sys

import torch


def peak_host_memory() -> int | None:
    """Returns the largest resident size of this process so far in bytes, None on Windows, which does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_device_memory() -> int | None:
    """Returns the most bytes that torch held on the current CUDA device, None without one."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
