"""What `metadata.json` says of a network, after the settings of a training changed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segpeft.data import label_scheme


def describe_tensors(metadata: Mapping[str, Any], shipped: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Brings the tensors in ``metadata``, changed in place, to the window, channels and labels of a config.

    What the config does not know, such as the patches of a masked auto-encoder, stays as it is.

    Args:
        metadata: of the bundle, with ``network_data_format``.
        shipped: config of inference that the metadata describe.
        changed: the same with the settings of the training.
    """
    described = metadata["network_data_format"]
    image, pred = described["inputs"]["image"], described["outputs"]["pred"]
    for tensor in (image, pred):
        if tensor["spatial_shape"] == shipped.get("image_size"):
            tensor["spatial_shape"] = changed["image_size"]
    if changed.get("channels") != shipped.get("channels"):
        names = changed["channels"]
        image |= {"num_channels": len(names), "channel_def": {str(index): name for index, name in enumerate(names)}}
    if changed.get("label_scheme") != shipped.get("label_scheme"):
        scheme = label_scheme(changed["label_scheme"])
        pred |= {"num_channels": len(scheme.regions), "channel_def": dict(scheme.channel_def)}
