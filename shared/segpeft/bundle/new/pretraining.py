"""How an encoder is pre-trained on the very images that it will segment: the knobs of a masked auto-encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .choice import Choice
from .scale import Scale
from .summary import Summary

BATCH, SLICE_BATCH = 8, 32
STEPS = 50
"""Steps of what is called an epoch there."""

VALIDATED = 10
ENCODER = "$@bundle_root + '/models/pretraining/pretrained/encoder.safetensors'"
"""Where `configs/pretrain.json` leaves the encoder, and where the other configs find it."""


def choose_pretraining(knobs: Mapping[str, Any], summary: Summary, scale: Scale) -> list[Choice]:
    """Returns the knobs of `configs/pretrain.json`.

    Args:
        knobs: of the bundle: the encoder sees there what it will see here.
        summary: of the data set.
        scale: says for how long.
    """
    encoder = knobs["encoder"]
    flat = encoder.get("kind") is not None
    batch = SLICE_BATCH if flat else BATCH
    width = max(encoder["num_heads"] * 8, scale.hidden_size // 2)
    decoder = {
        "decoder_hidden_size": width,
        "decoder_mlp_dim": 2 * width,
        "decoder_num_layers": 2,
        "decoder_num_heads": encoder["num_heads"],
    }
    epochs = max(1, scale.pretraining_crops // (batch * STEPS) // (2 if flat else 1))
    return [
        Choice("image_size", knobs["image_size"][: len(encoder["patch_size"])], "as in training"),
        Choice("encoder", encoder, "as in training"),
        Choice("decoder", decoder, "narrower than the encoder: it is thrown away"),
        Choice("modality", "ct" if summary.ct else "mr", "as the files are"),
        Choice("intensity", knobs.get("intensity"), "as in training"),
        Choice("spacing", knobs["spacing"], "as in training"),
        Choice("batch_size", batch, "crops a step"),
        Choice("crops_per_volume", batch if flat else 2, "drawn while a volume is in memory"),
        Choice("epoch_length", STEPS, "steps between two looks at the validation"),
        Choice("epochs", epochs, f"{scale.name}: {epochs * STEPS * batch:,} crops in all"),
        Choice("max_lr", 0.002, "of a small encoder"),
        Choice("validation_share", round(min(0.2, VALIDATED / summary.cases), 3), f"about {VALIDATED} volumes"),
        Choice("num_workers", scale.num_workers, "as in training"),
    ]
