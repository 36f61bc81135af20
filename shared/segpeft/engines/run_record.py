"""What a run was, written when it starts: everything that is needed to repeat it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events
from monai.engines import Evaluator

from segpeft import revision, versions
from segpeft.atomic_files import replacing
from segpeft.errors import InputError
from segpeft.machine import machine

from .asked_names import REPEATS, check_asked_names
from .data_record import data_record, first_difference
from .distributed import is_main, processes
from .running_config import running_config
from .tracked_record import TrackedRecord
from .weight_record import first_other_file, weight_record

FORMAT = 1
"""Raised when a key of the file gets another meaning."""


class RunRecord:
    """Writes ``<name>.json`` when a run starts: config, versions, git revision, machine, seed and list of the data.

    Keys: ``format``, ``kind``, ``bundle`` and ``bundle_version`` (of its metadata, else the folder's name), ``started``
    (ISO 8601), ``command`` and ``directory`` (where relative paths begin), ``processes``, ``run_id``, ``config`` (what
    ``monai.bundle run`` takes as one ``--config_file``; None for a run that no config describes), ``lost`` (kinds of
    objects that ``config`` holds as text only), ``versions``, ``git``, ``machine``, ``seed``, ``weights`` (files that
    the run starts from, :func:`~segpeft.engines.weight_record.weight_record`), ``data``
    (:func:`~segpeft.engines.data_record.data_record`) and ``earlier`` (of a resumed training, when and on what the runs
    before this one were started). ``python -m segpeft.bundle repeat`` reads it.

    Built from a config, it finds that config by itself (:func:`~segpeft.engines.running_config.running_config`). In a
    list of handlers it stands behind those that may refuse the run: what is refused leaves no record.

    Args:
        output_dir: where to write.
        kind: ``training``, ``pretraining``, ``evaluation`` or ``inference``.
        validator: of a training, whose cases are listed, too.
        weights: files that the run starts from; None among them is passed over.
        name: of the file.

    Raises:
        InputError: the config has an entry that nothing reads,
            see :func:`~segpeft.engines.asked_names.check_asked_names`.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        kind: str = "training",
        validator: Evaluator | None = None,
        weights: Sequence[str | os.PathLike[str] | None] = (),
        name: str = "record",
    ) -> None:
        self.path = Path(output_dir) / f"{name}.json"
        self.kind = kind
        self.validator = validator
        self.weights = weights
        self.config = running_config()
        check_asked_names(self.config)

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer, or to an evaluator that runs by itself."""
        engine.add_event_handler(Events.STARTED, self)
        TrackedRecord(self.path).attach(engine)

    def __call__(self, engine: Engine) -> None:
        """Writes the file, on the main process.

        Raises:
            InputError: this run repeats another one, and its data or weights are not the same.
        """
        if not is_main():
            return
        record = self.record(engine)
        self._check_repetition(record)
        with replacing(self.path) as partial:
            partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def record(self, engine: Engine) -> dict[str, Any]:
        """Returns what is written."""
        config = self.config.content
        seed = getattr(engine.state, "seed", (config or {}).get("seed"))
        return {
            "format": FORMAT,
            "kind": self.kind,
            "bundle": self.config.metadata.get("name", self.config.folder.name),
            "bundle_version": self.config.metadata.get("version"),
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "command": sys.argv,
            "directory": os.getcwd(),
            "processes": processes(),
            "run_id": self.config.run_id,
            "config": config,
            "lost": self.config.lost,
            "versions": versions.versions(),
            "git": revision.revision_of([Path(versions.__file__), self.config.folder / "configs" / "metadata.json"]),
            "machine": machine(),
            "seed": seed,
            "weights": weight_record(self.weights),
            "data": data_record(self._sections(engine)),
            "earlier": self._earlier(engine),
        }

    def _earlier(self, engine: Engine) -> list[dict[str, Any]]:
        """Returns what may differ of the runs that a resumed training goes on with, oldest first."""
        if not engine.state.epoch or not self.path.is_file():
            return []
        known = json.loads(self.path.read_text(encoding="utf-8"))
        return [*known["earlier"], {name: known[name] for name in ("started", "versions", "git", "machine")}]

    def _sections(self, engine: Any) -> dict[str, Any]:
        loaders = {"training" if self.kind == "pretraining" else self.kind: engine.data_loader}
        if self.validator is not None:
            loaders["validation"] = self.validator.data_loader
        return {name: getattr(loader, "dataset", None) for name, loader in loaders.items()}

    def _check_repetition(self, record: dict[str, Any]) -> None:
        path = (self.config.content or {}).get(REPEATS)
        if path is None:
            return
        known = json.loads(Path(path).read_text(encoding="utf-8"))
        if known["data"]["sha256"] != record["data"]["sha256"]:
            difference = first_difference(known["data"], record["data"])
            raise InputError(f"{path}: the run had other data, so it can't be repeated: {difference}")
        other = first_other_file(known["weights"], record["weights"])
        if other is not None:
            raise InputError(f"{other}: the run in {path} started from a file with another content")
