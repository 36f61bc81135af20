"""The training behind an evaluation: its folder and its curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.bundle.json_files import read_json
from segpeft.errors import InputError

from .evaluation import Evaluation
from .record import Record, read_record

EVENTS = "events.out.tfevents.*"
FOLDER = "training"
"""How a folder of a training is called that left no record."""


@dataclass(frozen=True)
class Training:
    """What a training left.

    Attributes:
        folder: of its files.
        scalars: (step, value) by the tag of TensorBoard, by rising step.
        run: content of ``run.json``, empty without.
        record: of how it was started.
    """

    folder: Path
    scalars: Mapping[str, Sequence[tuple[float, float]]]
    run: dict[str, Any]
    record: Record


def find_training(evaluation: Evaluation) -> Path | None:
    """Returns the one folder beside the evaluation's with the curves of its training, None if there is not one.

    A training with a record has to have kept its models where the evaluation took its own from.
    """
    beside = sorted(folder for folder in evaluation.folder.resolve().parent.iterdir() if any(folder.glob(EVENTS)))
    found = [folder for folder in beside if _fits(folder, evaluation)]
    return found[0] if len(found) == 1 else None


def _fits(folder: Path, evaluation: Evaluation) -> bool:
    record, own = read_record(folder), evaluation.record
    if not record.content or not own.content:
        return folder.name == FOLDER
    return record.text("kind") == "training" and all(
        record.config.get(knob) == own.config.get(knob) for knob in ("model_dir", "bundle_root")
    )


def read_training(folder: Path) -> Training:
    """Reads the folder of a training.

    Raises:
        InputError: it has no event file of TensorBoard, or they cannot be read.
    """
    if not any(folder.glob(EVENTS)):
        raise InputError(f"{folder}: has no event file of TensorBoard ({EVENTS}); expected the folder of a training")
    return Training(folder, _scalars(folder), read_json(folder / "run.json"), read_record(folder))


def _scalars(folder: Path) -> dict[str, list[tuple[float, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # slow to import

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    try:
        events.Reload()
    except Exception as error:  # the reader raises nearly anything for a damaged file
        raise InputError(f"{folder}: its event files cannot be read ({error})") from error
    found = {}
    for tag in events.Tags()["scalars"]:
        last = {event.step: event.value for event in events.Scalars(tag)}  # a resumed training repeats steps
        found[tag] = sorted((float(step), value) for step, value in last.items() if math.isfinite(value))
    return found
