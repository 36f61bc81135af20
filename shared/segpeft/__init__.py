"""Parameter-efficient fine-tuning of pre-trained vision transformers for 3D medical image segmentation, on MONAI."""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_PARTS = ("bundle", "data", "engines", "errors", "experiments", "networks", "peft", "tables")


def __getattr__(name: str) -> ModuleType:
    """Imports a part of the package when it is first named, so that configs need one ``import segpeft``."""
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
