"""All knobs of a new bundle, chosen in the order in which they depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.errors import InputError

from .choice import Choice, knobs_of
from .encoder import encoder_of_file, own_encoder
from .geometry import choose_spacing, resampled_size, whole, window
from .intensities import choose_intensity
from .labels import choose_labels, choose_least_size
from .place import Place
from .pretraining import choose_pretraining
from .scale import Scale
from .summary import Summary
from .training import BATCH, choose_training

METHODS = ("channel_lora", "med_tuning")

DECODER_BYTES = 45
"""That UNETR's decoder keeps for the backward pass, a voxel of the window and feature: measured at 96^3, feature size
16 (benchmarks/results/channel_lora_step.md)."""

SLICE_BYTES = 2000
"""That a ViT-B of slices with its decoder keeps a voxel of the window (benchmarks/results/med_tuning_step.md)."""

DECIMAL_GB = 1e9


@dataclass(frozen=True)
class Wishes:
    """What a person said beside where the data are.

    Args:
        method: one of `METHODS`.
        scale: sizes for the machine.
        gigabytes: of activations that a training step may keep.
        pretrained_encoder: file of weights; None: an encoder is pre-trained on the images at hand.
    """

    method: str
    scale: Scale
    gigabytes: float
    pretrained_encoder: Path | None


@dataclass(frozen=True)
class Plan:
    """What was chosen.

    Args:
        training: knobs of the bundle.
        pretraining: knobs of the encoder's pre-training, none where a file of weights is given.
    """

    training: tuple[Choice, ...]
    pretraining: tuple[Choice, ...]

    def knobs(self) -> dict[str, Any]:
        """Returns the bundle's knobs by name."""
        return knobs_of(self.training)


def make_plan(place: Place, summary: Summary, wishes: Wishes) -> Plan:
    """Returns all knobs.

    Raises:
        InputError: the method cannot take such data, or the file of weights does not fit it.
    """
    flat = wishes.method == "med_tuning"
    _check(summary, flat)
    spacing = choose_spacing(summary)
    size = resampled_size(summary, spacing.value)
    most = _most_voxels(wishes, flat)
    sides = window(size, spacing.value, (1, 1, 1), most)
    file = wishes.pretrained_encoder
    encoder = encoder_of_file(file, flat) if file else own_encoder(wishes.scale, flat, sides, spacing.value)
    multiple = [*encoder.value["patch_size"], 1][:3]
    image = window(size, spacing.value, multiple, most)
    holds = whole(image, size)
    labels = choose_labels(summary, place.labels)
    training = [
        *_channels(summary, flat),
        *_label_file(place),
        *labels,
        *([choose_least_size(summary, labels[0].value)] if flat else []),
        *choose_intensity(summary, flat),
        spacing,
        Choice("image_size", image, _why_window(size, holds, multiple, most)),
        encoder,
        *_network(wishes, flat, encoder.value),
        *choose_training(summary, wishes.scale, holds),
        _missed(),
    ]
    before = [] if file else choose_pretraining(knobs_of(training), summary, wishes.scale)
    return Plan(tuple(training), tuple(before))


def _check(summary: Summary, flat: bool) -> None:
    if flat and (summary.own_grids or summary.lacking):
        what = (
            "channels on grids of their own" if summary.own_grids else f"{summary.lacking} cases without some channel"
        )
        raise InputError(f"the data have {what}; med_tuning takes neither, --method channel_lora does")
    if summary.cases < 2:
        raise InputError(f"{summary.cases} labelled case; expected at least 2, one of them to validate on")


def _most_voxels(wishes: Wishes, flat: bool) -> float:
    kept = SLICE_BYTES if flat else DECODER_BYTES * wishes.scale.feature_size
    return min(wishes.scale.voxels, wishes.gigabytes * DECIMAL_GB / (kept * BATCH))


def _why_window(size: Any, holds: bool, multiple: list[int], most: float) -> str:
    median = " x ".join(f"{length:.0f}" for length in size)
    step = "x".join(map(str, multiple))
    if holds:
        return f"holds the median image ({median} after resampling) in multiples of {step}"
    return f"the median image is {median} after resampling; cut to {most:,.0f} voxels in multiples of {step}"


def _channels(summary: Summary, flat: bool) -> list[Choice]:
    why = "in this order: labels lie on the grid of the first" if summary.own_grids else "as the files name them"
    chosen = [Choice("channels", list(summary.channels), why)]
    if not flat:
        grids = "channels lie on grids of their own" if summary.own_grids else "all channels of a case share a grid"
        lacking = (
            f"{summary.lacking} of {summary.cases} cases lack a channel" if summary.lacking else "no case lacks one"
        )
        chosen.append(Choice("resample_channels", summary.own_grids, grids))
        chosen.append(Choice("allow_missing", summary.lacking > 0, lacking))
        share = 0.3 if summary.lacking else 0.0
        why = "so that the network learns to do without" if summary.lacking else "not needed: every case has all"
        chosen.append(Choice("channel_dropout", share, why))
    return chosen


def _network(wishes: Wishes, flat: bool, encoder: dict[str, Any]) -> list[Choice]:
    if flat:
        width = wishes.scale.slice_features
        why = "of UPerNet, small for a CPU" if width else "UPerNet's own"
        return [Choice("decoder", "upernet", "Med-Tuning's"), Choice("feature_size", width, why)]
    features = Choice(
        "feature_size", wishes.scale.feature_size, f"width of the decoder, {wishes.scale.name}: it rules time"
    )
    if wishes.pretrained_encoder:
        return [features]
    method = {
        "_target_": "segpeft.peft.ChannelLoRA",
        "channels": "$len(@channels)",
        "rank": max(4, encoder["hidden_size"] // 12),
        "alpha": 4.0,
        "targets": ["qkv", "out_proj", "linear1", "linear2"],
    }
    return [features, Choice("method", method, "adapters in every layer: a small encoder has learned little yet")]


def _label_file(place: Place) -> list[Choice]:
    return [Choice("label_file", place.label_file, "the name in the case folders")] if place.label_file else []


def _missed() -> Choice:
    return Choice("hd95_missing", "diagonal", "HD95 of a region that is missed: the diagonal of the image")
