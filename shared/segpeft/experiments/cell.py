"""One cell of a grid: a configuration with a seed, its folder and its settings."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segpeft
from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json, write_json
from segpeft.errors import InputError

from .grid import CONFIGS, Grid, Stage
from .values import fill, known_values


@dataclass(frozen=True)
class Places:
    """Where an experiment finds and leaves its files.

    Args:
        out: folder of the experiment.
        bundles: folder of the bundles.
        grid: folder of the grid file.
    """

    out: Path
    bundles: Path
    grid: Path

    def values(self) -> dict[str, str]:
        """Returns what the placeholders of these names stand for."""
        return {"out": str(self.out), "bundles": str(self.bundles), "grid": str(self.grid)}


@dataclass(frozen=True)
class Cell:
    """A configuration with a seed.

    ``<out>/cells/<configuration>_seed<seed>`` holds ``cell.json`` (the record of the finished or failed cell),
    ``settings.json`` (the fingerprint, and how often the first stage was started), ``configs/`` (the overrides),
    ``models/`` and, for each stage, a log and a folder. A stage is done when its folder holds a ``run.json``.

    Args:
        grid: the experiment.
        configuration: name of the row.
        seed: of the runs.
        places: where files are.
        values: of placeholders, other than places.
    """

    grid: Grid
    configuration: str
    seed: int
    places: Places
    values: Mapping[str, Any]

    @property
    def title(self) -> str:
        """What a person reads."""
        return f"{self.configuration}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where all files of the cell are."""
        return self.places.out / "cells" / f"{self.configuration}_seed{self.seed}"

    @property
    def bundle(self) -> Path:
        """Folder of the bundle."""
        return self.places.bundles / self.grid.bundle

    def output(self, stage: Stage) -> Path:
        """Returns the folder that a stage writes to."""
        return self.folder / stage.name

    def log(self, stage: Stage) -> Path:
        """Returns the file with the output of a stage."""
        return self.folder / f"{stage.name}.log"

    def is_done(self, stage: Stage) -> bool:
        """Tells whether a stage came to its end."""
        return (self.output(stage) / "run.json").is_file()

    def command(self, stage: Stage) -> list[str]:
        """Writes the overrides of a stage and returns its command, to be run in the bundle's folder."""
        knobs = {
            "seed": self.seed,
            "output_dir": str(self.output(stage)),
            "model_dir": str(self.folder / "models"),
            "cache_dir": str(self.places.out / "cache"),
            "resume": True,
        }
        layers = {**self._overrides(stage, self.places.values()), "cell": knobs}
        files: list[str | Path] = [*stage.configs, *self.grid.overlays]
        for name, content in layers.items():
            if name == "configuration":
                files += self._own_configs()
            if content:
                files.append(self.folder / "configs" / f"{stage.name}_{name}.json")
                write_json(Path(files[-1]), content)
        return bundle_command(stage.run_id, files, {})

    def fingerprint(self) -> str:
        """Returns a digest of all settings: of the bundle's configs, of overrides, values, seed and preparations.

        Where the folders lie does not matter, so a finished experiment can be moved.
        """
        places = {name: f"<{name}>" for name in self.places.values()}
        stages = [
            [
                stage.run_id,
                config_texts(self.bundle, [*stage.configs, *self.grid.overlays, *self._own_configs()]),
                list(self._overrides(stage, places).items()),
            ]
            for stage in self.grid.stages
        ]
        known = known_values(self.values, places)
        filled = [fill(vars(step), known) for step in (*self.grid.data, *self.grid.prepare)]
        steps = [[step, config_texts(self.places.bundles / step["bundle"], step["configs"])] for step in filled]
        settings = [segpeft.__version__, self.grid.bundle, self.seed, stages, steps]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """Returns the record of the cell if it belongs to these settings, else nothing."""
        known = read_json(self.folder / "cell.json")
        return known if known and known.get("fingerprint") == self.fingerprint() else {}

    def begin(self) -> None:
        """Makes the folder; what other settings left in it is deleted."""
        if self.begun_with() != self.fingerprint():
            shutil.rmtree(self.folder, ignore_errors=True)
            write_json(self.folder / "settings.json", {"fingerprint": self.fingerprint(), "starts": 0})

    def begun_with(self) -> str:
        """Returns the fingerprint of the settings that the folder was begun with."""
        return str(read_json(self.folder / "settings.json").get("fingerprint"))

    def starts(self, add: int = 0) -> int:
        """Returns how often the first stage was started, after counting ``add`` more."""
        settings = read_json(self.folder / "settings.json")
        settings["starts"] += add
        if add:
            write_json(self.folder / "settings.json", settings)
        return int(settings["starts"])

    def _own_configs(self) -> list[str]:
        return list(self.grid.configurations[self.configuration].get(CONFIGS, ()))

    def _overrides(self, stage: Stage, places: Mapping[str, str]) -> dict[str, Any]:
        configuration = self.grid.configurations[self.configuration]
        layers = {
            "grid": self.grid.overrides,
            "stage": stage.overrides,
            "configuration": {name: value for name, value in configuration.items() if name != CONFIGS},
        }
        known = known_values(self.values, places)
        return {name: fill(content, known) for name, content in layers.items()}


def config_texts(bundle: Path, configs: Any) -> list[str]:
    """Returns the content of config files of a bundle.

    Raises:
        InputError: naming the file that is missing.
    """
    paths = [bundle / "configs" / name for name in configs]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: no such file, expected a config of the bundle that the grid names")
    return [path.read_text(encoding="utf-8") for path in paths]
