"""Bundles with a network of a second, packed: their settings baked in, their metadata changed to match."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.monai_label.packed import hiding_folder
from segpeft.bundle.archive import unzip
from segpeft.bundle.pack import Packed, Weights, pack
from tests.bundles.runs import BUNDLES, NETWORK, PRETRAINING, SEGMENTING

KNOBS: dict[str, dict[str, Any]] = {
    **SEGMENTING,
    "vit_mae": {**NETWORK, "decoder": PRETRAINING["decoder"], "num_workers": 0},
}


def small_copy(name: str, folder: Path) -> Path:
    """A copy of the bundle; of `vit_mae`, whose patches packing does not know, with metadata of the small network."""
    copy = folder / name
    shutil.copytree(BUNDLES / name, copy, ignore=shutil.ignore_patterns("models", "eval", "cache"))
    if name == "vit_mae":
        path = copy / "configs" / "metadata.json"
        metadata = json.loads(path.read_text())
        metadata["network_data_format"]["outputs"]["pred"].update(spatial_shape=[512], num_channels=32)
        path.write_text(json.dumps(metadata, indent=4))
    return copy


def packed(name: str, folder: Path, **changes: Any) -> Packed:
    """Packs a small copy with random weights to ``folder``."""
    return pack(small_copy(name, folder / "source"), folder, Weights(random=True), {**KNOBS[name], **changes})


def unpacked(name: str, folder: Path, **changes: Any) -> Path:
    """The folder of a packed small copy."""
    return unzip(packed(name, folder, **changes).archive, folder / "unpacked")


def without_segpeft(folder: Path) -> dict[str, str]:
    """The environment of a process in which segpeft can't be imported."""
    return {**os.environ, "PYTHONPATH": str(hiding_folder(folder / "absent")), "OMP_NUM_THREADS": "1"}


def python(arguments: list[str], cwd: Path, environment: dict[str, str]) -> str:
    """Runs python and returns what it prints; it has to end well."""
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-8000:]
    return ended.stdout
