"""What a person types next."""

from __future__ import annotations

import shlex
from pathlib import Path

from .place import Place

CASES = "cache/cases.json"
VOLUMES = "cache/volumes.txt"
"""Where packing does not take them: they name places on this machine."""


def pretraining_commands(dataset: str | Path, place: Place) -> list[str]:
    """Returns the commands that pre-train the encoder, from inside the bundle.

    Volumes are listed by case where that leaves out test cases or finds folders of DICOM files.
    """
    data, first = str(dataset), []
    if (place.source / "dataset.json").is_file() and not data.endswith(".json"):
        data = f"{data}/dataset.json"
    elif place.dicom:
        names = " ".join(map(shlex.quote, place.channels))
        label = f" --label_file {shlex.quote(place.label_file)}" if place.label_file else ""
        first = [f"python -m segpeft.data.datalist --dataset_dir {shlex.quote(data)} --channels {names}{label}"]
        first[0] += f" --folds 2 --out {CASES}"
        data = CASES
    return [
        *first,
        f"python -m segpeft.data.volume_list {shlex.quote(data)} --out {VOLUMES}",
        f"python -m monai.bundle run training --config_file configs/pretrain.json --dataset_dir {VOLUMES}",
    ]


def plain_unet(dataset: str | Path) -> list[str]:
    """Returns the commands that train and evaluate a plain UNet in place of the adapted network."""
    training, evaluation = (
        f"python -m monai.bundle run {run_id} --config_file "
        f'"[{",".join(repr(f"configs/{name}.json") for name in configs)}]" --dataset_dir {shlex.quote(str(dataset))}'
        f" --model_dir models/unet --output_dir eval/unet_{run_id}"
        for run_id, configs in (("training", ("train", "unet")), ("evaluating", ("train", "evaluate", "unet")))
    )
    return [training, evaluation]


def commands(dataset: str | Path, encoder: str | Path | None, judged: bool) -> list[str]:
    """Returns the commands that train, evaluate and infer, from inside the bundle.

    Args:
        dataset: folder or datalist.
        encoder: file of weights; None where the configs know where it is.
        judged: there are test cases to be scored on; else it is the validation's.
    """
    section = " --section test" if judged else ""
    data = f"--dataset_dir {shlex.quote(str(dataset))}"
    file = f" --pretrained_encoder {shlex.quote(str(encoder))}" if encoder else ""
    evaluation = "\"['configs/train.json','configs/evaluate.json']\""
    return [
        f"python -m monai.bundle run training --config_file configs/train.json {data}{file}",
        f"python -m monai.bundle run evaluating --config_file {evaluation} {data}{section}",
        "python -m monai.bundle run --config_file configs/inference.json --dataset_dir NEW_CASES",
    ]
