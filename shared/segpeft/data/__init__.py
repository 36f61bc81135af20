"""Data sets, label schemes, preprocessing, caches and loaders."""

from importlib import import_module
from typing import Any

_HOMES = {
    "CaseDataset": "cases",
    "CaseList": "case_list",
    "CaseLoader": "loaders",
    "HeldOutLoader": "held_out",
    "HeldOutVolumes": "held_out",
    "HounsfieldScale": "hounsfield",
    "LabelScheme": "label_schemes",
    "PreparedDataset": "prepared",
    "RandBalancedCropd": "crops",
    "RandChannelDropoutd": "channel_dropout",
    "StreamLoader": "stream_loader",
    "VolumeCrops": "volume_crops",
    "VolumePaths": "volume_paths",
    "VolumeStream": "volume_stream",
    "augmentation": "augment",
    "cases_of": "case_list",
    "label_scheme": "label_schemes",
    "preprocessing": "preprocess",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Imports what configs name from here when first named: the commands in this package start without MONAI."""
    if name in _HOMES:
        globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
