"""The versions that a run's result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version

import torch

from segpeft import __version__


def versions() -> dict[str, str | None]:
    """Returns the versions of Python and the packages that compute, and of CUDA (None where there is no GPU)."""
    return {
        "python": platform.python_version(),
        "segpeft": __version__,
        "monai": version("monai"),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "ignite": version("pytorch-ignite"),
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
    }
