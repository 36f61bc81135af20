"""Packing a bundle: one zip that needs no segpeft where it is used."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.errors import InputError
from segpeft.file_digest import sha256

from .archive import write_zip
from .baking import Baked, bake
from .carried.configs import carried_config
from .carried.package import COMMAND, carry_package
from .description import describe_tensors
from .json_files import json_object
from .large_files import write_large_files
from .weights import write_weights

WHOLE = ("train.json", "inference.json")
"""Configs that describe a network by themselves: what MONAI Label reads, one at a time."""
OUTWARD = re.compile(r"\[([^\]]+)\]\((?:\.\./){2,}([^)]+)\)")
"""A link of a card that leads out of its bundle."""


@dataclass(frozen=True)
class Weights:
    """Which weights go into the zip.

    Args:
        model: state dict of the whole network; None takes ``models/model.pt`` of the bundle.
        random: draw them instead, seed 0.
        url: where large files will lie.
    """

    model: Path | None = None
    random: bool = False
    url: str | None = None


@dataclass(frozen=True)
class Packed:
    """What was packed: the zip, the bytes of its parts, and its SHA-256."""

    archive: Path
    sizes: dict[str, int]
    sha256: str

    def said(self) -> str:
        """Returns lines for a person."""
        lines = [f"{self.archive}: {self.archive.stat().st_size / 1e6:.2f} MB, sha256 {self.sha256}"]
        return "\n".join([*lines, *(f"  {name}: {size / 1e6:.2f} MB" for name, size in self.sizes.items())])


def pack(bundle: Path, out: Path, weights: Weights, changes: Baked) -> Packed:
    """Writes ``<bundle>_v<version>.zip``: a self-contained bundle, the same bytes from the same input.

    The package travels as ``scripts/segpeft``; configs take it from there; what the training changed is written into
    ``train.json`` and ``inference.json``.

    Args:
        bundle: its folder.
        out: where the zip goes.
        weights: what ``models`` will hold.
        changes: settings of the training (:func:`segpeft.bundle.baking.baked`).

    Raises:
        InputError: the folder is no bundle, or the weights do not fit the network that its configs describe.
    """
    bundle = bundle.resolve()
    metadata = _metadata(bundle)
    model = None if weights.random else weights.model or bundle / "models" / "model.pt"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / bundle.name
        shutil.copytree(bundle, folder, ignore=shutil.ignore_patterns("models", "eval", "cache", "scripts", ".*"))
        shipped = {name: json_object(folder / "configs" / name) for name in WHOLE}
        configs = {name: bake(config, changes, name == WHOLE[0]) for name, config in shipped.items()}
        describe_tensors(metadata, shipped[WHOLE[1]], configs[WHOLE[1]])
        write_weights(configs[WHOLE[1]], model, folder)
        if weights.random:
            metadata["description"] += " (RANDOM weights, for tests of the bundle only)"
        _write(folder / "configs" / "metadata.json", metadata)
        _carry(folder, configs)
        write_large_files(folder, weights.url)
        name = f"{bundle.name}_v{metadata['version']}{'_random' if weights.random else ''}.zip"
        write_zip(folder, out / name)
        return Packed(out / name, _sizes(folder), sha256(out / name))


def _metadata(bundle: Path) -> dict[str, Any]:
    missing = [name for name in ("metadata.json", *WHOLE) if not (bundle / "configs" / name).is_file()]
    if missing:
        raise InputError(f"{bundle}: no bundle, configs/{missing[0]} is missing")
    metadata = json_object(bundle / "configs" / "metadata.json")
    if not isinstance(metadata.get("version"), str):
        raise InputError(f"{bundle}: configs/metadata.json has no version")
    return metadata


def _carry(folder: Path, configs: dict[str, dict[str, Any]]) -> None:
    carry_package(folder / "scripts")
    place = folder / "configs"
    for path in sorted(place.rglob("*.json")):
        if path.name != "metadata.json":
            known = configs.get(path.relative_to(place).as_posix())
            _write(path, carried_config(known or json_object(path)))
    card = folder / "docs" / "README.md"
    if card.is_file():
        card.write_text(_own_words(card.read_text(encoding="utf-8")), encoding="utf-8")


def _own_words(card: str) -> str:
    """Returns a card that refers to what is in the zip: no links into the repository, commands of the carried copy."""
    return OUTWARD.sub(_named, card).replace(COMMAND, "python -m scripts.segpeft.")


def _named(link: re.Match[str]) -> str:
    return f"`{link[1]}` in the repository" if link[1] == link[2] else f"{link[1]} (`{link[2]}` in the repository)"


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    weights = {path.relative_to(folder).as_posix(): size for path, size in sizes.items() if "models" in path.parts}
    code = sum(size for path, size in sizes.items() if path.is_relative_to(folder / "scripts"))
    return {**weights, "scripts": code, "all files": sum(sizes.values())}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
