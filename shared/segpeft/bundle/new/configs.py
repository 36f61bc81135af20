"""The configs of a new bundle: those of its template with other knobs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from segpeft.bundle.baking import bake
from segpeft.bundle.description import describe_tensors
from segpeft.bundle.json_files import json_object
from segpeft.data.label_schemes import label_scheme

from .choice import knobs_of
from .plan import Plan
from .pretraining import ENCODER
from .templates import PRETRAINING, TEMPLATES

COPIED = ("multi_gpu_train.json", "multi_gpu_evaluate.json", "inference_trt.json")
BACKGROUND = "$@intensity.background if @intensity else 0.0"
SCALED = {"preprocessing": ("intensity", "@intensity")}
PADDED = {"augmentation": ("pad_value", "@background"), "inferer": ("pad_value", "@background")}


def make_configs(templates: Path, method: str, name: str, plan: Plan) -> dict[str, dict[str, Any]]:
    """Returns the configs by file name, without `metadata.json`.

    Args:
        templates: folder of the template bundles.
        method: key of `TEMPLATES`.
        name: of the bundle, as a file name.
        plan: knobs.
    """
    source = templates / TEMPLATES[method] / "configs"
    knobs = {**plan.knobs(), "dataset_dir": f"/data/{name}"}
    places = {"adapter_path": f"$@model_dir + '/adapters/{name}.safetensors'"}
    train = _with(json_object(source / "train.json"), {**knobs, **places})
    if plan.pretraining:
        train["pretrained_encoder"] = ENCODER
    made = {
        "train.json": train,
        "evaluate.json": _evaluation(_with(json_object(source / "evaluate.json"), knobs), knobs),
        "inference.json": _with(json_object(source / "inference.json"), {**knobs, "dataset_dir": "/data/new_cases"}),
        "unet.json": json_object(templates / TEMPLATES["med_tuning"] / "configs" / "unet.json"),
    }
    made |= {file: json_object(source / file) for file in COPIED}
    if plan.pretraining:
        made["pretrain.json"] = _pretraining(templates, plan)
    return made


def _with(config: Mapping[str, Any], knobs: dict[str, Any]) -> dict[str, Any]:
    """Returns a config with those of `knobs` that it has, and with a CT's scale where its template has none."""
    made = bake(config, knobs, all_of_them=False)
    if knobs.get("intensity") and "intensity" not in config and "preprocessing" in config:
        made = _above(made, "image_size", {"intensity": knobs["intensity"], "background": BACKGROUND})
        for place, (argument, value) in {**SCALED, **PADDED}.items():
            for holder in (made, made.get("validate", {})):
                if isinstance(holder.get(place), dict):
                    holder[place][argument] = value
    return made


def _above(config: Mapping[str, Any], knob: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config with `entries` in front of `knob`."""
    made: dict[str, Any] = {}
    for name, value in config.items():
        made |= deepcopy(dict(entries)) if name == knob else {}
        made[name] = value
    return made


def _evaluation(config: dict[str, Any], knobs: Mapping[str, Any]) -> dict[str, Any]:
    if knobs.get("intensity"):
        config["validate#preprocessing"]["intensity"] = "@intensity"
    return config


def _pretraining(templates: Path, plan: Plan) -> dict[str, Any]:
    config = bake(json_object(templates / PRETRAINING / "configs" / "train.json"), knobs_of(plan.pretraining), True)
    config["output_dir"] = "$@bundle_root + '/eval/pretraining'"
    config["model_dir"] = "$@bundle_root + '/models/pretraining'"
    return config


def make_metadata(templates: Path, method: str, title: str, plan: Plan, source: str) -> dict[str, Any]:
    """Returns `metadata.json`.

    Args:
        templates: folder of the template bundles.
        method: key of `TEMPLATES`.
        title: of the data set.
        plan: knobs.
        source: where the data are from, as far as it is known.
    """
    place = templates / TEMPLATES[method] / "configs"
    metadata, shipped = json_object(place / "metadata.json"), json_object(place / "inference.json")
    knobs = plan.knobs()
    changed = bake(shipped, knobs, all_of_them=False)
    scheme = label_scheme(changed["label_scheme"])
    regions = ", ".join(scheme.region_names)
    describe_tensors(metadata, shipped, changed)
    _fill_gaps(metadata["network_data_format"]["outputs"]["pred"])
    _say_intensity(metadata["network_data_format"]["inputs"]["image"], knobs.get("intensity"))
    return {
        **metadata,
        "name": title,
        "task": f"Segmentation of {regions}",
        "authors": "TODO: authors",
        "copyright": "TODO: copyright",
        "data_source": f"{source}; no data is distributed with this bundle",
        "image_classes": f"{len(changed['channels'])} channel(s): {', '.join(changed['channels'])}",
        "label_classes": "label map: " + ", ".join(f"{v} {n}" for n, v in scheme.file_values.items()),
        "pred_classes": f"{len(scheme.regions)} regions: {regions}",
    }


def _fill_gaps(pred: dict[str, Any]) -> None:
    """Names the values between 0 and the largest that no label has: readers take the names for a list."""
    named = pred["channel_def"]
    pred["channel_def"] = {str(n): named.get(str(n), "unused") for n in range(max(map(int, named)) + 1)}


def _say_intensity(image: dict[str, Any], scale: Mapping[str, Any] | None) -> None:
    if scale is None:
        image |= {"format": "magnitude", "modality": "MR", "value_range": [-10, 10]}
        return
    ends = [round((edge - scale["mean"]) / scale["std"], 2) for edge in scale["window"]]
    image |= {"format": "hounsfield", "modality": "CT", "value_range": ends}
