"""A bundle's configs with what a run would change in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from segpeft.bundle.baking import Baked, bake, baked
from segpeft.bundle.json_files import json_object
from segpeft.config_entry import built
from segpeft.errors import InputError

CONFIGS = ("train", "evaluate", "inference")


@dataclass(frozen=True)
class BundleConfig:
    """A bundle to be checked.

    Attributes:
        folder: of the bundle.
        shipped: its configs by name, of `CONFIGS` those that it has.
        changes: what overlays, the method and knobs change, by name or path.
        merged: the training's config with the changes.
    """

    folder: Path
    shipped: Mapping[str, Mapping[str, Any]]
    changes: Baked
    merged: Mapping[str, Any]

    def parser(self) -> ConfigParser:
        """Returns a parser of the training's config; the folder is the bundle's from wherever it is run."""
        return ConfigParser({**deepcopy(dict(self.merged)), "bundle_root": str(self.folder)})

    def content(self, name: str) -> Any:
        """Returns the value of an entry, None where there is none.

        Raises:
            InputError: it cannot be evaluated.
        """
        return built(self.parser(), name) if name.partition("#")[0] in self.merged else None


def bundle_config(folder: Path, method: str | None, overlays: Sequence[Path], knobs: Sequence[str]) -> BundleConfig:
    """Reads the configs of a bundle.

    Args:
        folder: of the bundle.
        method: as on the command line of a training: a name or a file.
        overlays: config files to lay over `train.json`, in order.
        knobs: `NAME=VALUE`.

    Raises:
        InputError: there is no such bundle, a file is no JSON, or a change has no place in the config.
    """
    if not (folder / "configs" / "train.json").is_file():
        raise InputError(f"{folder}: is no bundle to train, it has no configs/train.json")
    there = [name for name in CONFIGS if (folder / "configs" / f"{name}.json").is_file()]
    shipped = {name: json_object(folder / "configs" / f"{name}.json") for name in there}
    changes = baked(method, overlays, knobs)
    return BundleConfig(folder.resolve(), shipped, changes, bake(shipped["train"], changes, all_of_them=True))
