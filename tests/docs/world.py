"""A place in which the documentation's commands can be typed as they stand: small bundles, small data, no `/data`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segpeft.bundle.baking import bake
from segpeft.bundle.description import describe_tensors
from segpeft.bundle.json_files import json_object, write_json
from segpeft.data.phantoms.__main__ import main as write_phantoms
from tests.bundle.new.sets import write_hippocampi
from tests.bundle.small_bundles import KNOBS
from tests.bundles.runs import BUNDLES, PRETRAINING, PRETRAINING_SWIN, SEGMENTING_SWIN, SHORT, SLICES_NETWORK
from tests.bundles.zones import write_zones
from tests.docs.blocks import ROOT, Block

SLICES = {**PRETRAINING, "image_size": [32, 32], "encoder": {**SLICES_NETWORK["encoder"], "norm_eps": 1e-6}}
SHALLOW: dict[str, dict[str, Any]] = {
    **{f"{name}/configs/train.json": {**KNOBS[name], **SHORT, "epochs": 1} for name in KNOBS if name != "vit_mae"},
    **{f"{name}/configs/inference.json": KNOBS[name] for name in KNOBS},
    "kits_medtuning/configs/swin.json": {**SEGMENTING_SWIN, "feature_size": None},
    "kits_medtuning/configs/demo.json": {**SLICES_NETWORK, "epochs": 1, "val_interval": 1},
    "vit_mae/configs/train.json": PRETRAINING,
    "vit_mae/configs/train_2d.json": SLICES,
    "vit_mae/configs/train_swin.json": PRETRAINING_SWIN,
    "vit_mae/configs/kits.json": {"spacing": SLICES_NETWORK["spacing"]},
    "vit_mae/configs/demo_2d.json": SLICES,
    "vit_mae/configs/demo_swin.json": PRETRAINING_SWIN,
}
"""Knobs of a network of a second, by config."""

SMALLER = {
    "--cases 40 --shape 96 96 48": "--cases 6 --shape 44 44 24",
    "--cases 10 --shape 96 96 48": "--cases 6 --shape 44 44 24",
    "[160,160,16]": "[32,32,8]",
    "[0.625,0.625,3.6]": "[1.5,1.5,3.6]",
    "[16,16,4]": "[8,8,4]",
    "[1,1,160,160,80]": "[1,1,64,64,32]",
    "[64, 64, 64]": "[32, 32, 32]",
    "--hold_out 44": "--hold_out 1",
    "--dataset_dir cache/volumes.txt": "--dataset_dir cache/volumes.txt --epochs 1 --epoch_length 2",
    "configs/train.json --dataset_dir ../../split.json": "configs/train.json --dataset_dir ../../split.json --epochs 1",
}
"""Sizes on command lines, which are those of the bundles as shipped."""


class World:
    """A copy of the repository's bundles with networks of a second, and data sets under the names of the documents.

    Args:
        folder: an empty one.
        data: folder of data sets, see `write_data`.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self.root, self.data = folder / "segpeft", data
        shutil.copytree(BUNDLES, self.root / "bundles", ignore=shutil.ignore_patterns("models", "eval", "cache"))
        for name, knobs in SHALLOW.items():
            self._shrink(self.root / "bundles" / name, knobs)
        (self.root / "data").symlink_to(data)
        binaries = folder / "bin"
        binaries.mkdir()
        (binaries / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (binaries / "torchrun").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m torch.distributed.run "$@"\n')
        for file in binaries.iterdir():
            file.chmod(0o755)
        path = os.pathsep.join([str(binaries), os.environ["PATH"]])
        found = os.pathsep.join([str(ROOT / "shared"), str(ROOT)])
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": found, "OMP_NUM_THREADS": "1"}

    def run(self, block: Block) -> None:
        """Types a block, and before it what its remark names; both have to end well.

        A page's Python is one session: a block knows the names of those above it, which are run again before it.
        """
        before = block.said("after ")
        if before:
            self.type(before, block.folder)
        if block.language == "python":
            script = self.root / "session.py"
            with script.open("a", encoding="utf-8") as session:
                session.write(self.placed(block.text))
            self.type(f"python {script}", block.folder)
        else:
            self.type(block.text, block.folder)

    def type(self, text: str, folder: str) -> None:
        """Runs commands of a shell in a folder of the repository's copy."""
        command = ["bash", "-euo", "pipefail", "-c", self.placed(text)]
        cwd = self.root / folder
        ended = subprocess.run(
            command, cwd=cwd, env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )
        assert ended.returncode == 0, f"{text}\n{ended.stdout[-3000:]}\n{ended.stderr[-5000:]}"

    def _shrink(self, config: Path, knobs: Mapping[str, Any]) -> None:
        """Writes knobs into a config, and into the metadata what inference then takes and gives."""
        shipped = json_object(config)
        data = "../../data/"  # a packed bundle may name no place on a machine
        near = json.loads(json.dumps(shipped).replace("/data/", data))
        small = bake(near, knobs, config.name != "inference.json")
        write_json(config, small)
        if config.name == "inference.json":
            metadata = json_object(config.with_name("metadata.json"))
            describe_tensors(metadata, shipped, small)
            write_json(config.with_name("metadata.json"), metadata)

    def placed(self, text: str) -> str:
        """A text with this place's paths and sizes."""
        for shipped, small in SMALLER.items():
            text = text.replace(shipped, small)
        return text.replace("/data/", f"{self.data}/")


def write_data(folder: Path) -> Path:
    """Writes four small data sets and links them under the names by which the documents call them."""
    brains, abdomens = folder / "brains", folder / "abdomens"
    assert write_phantoms(["brain", "--cases", "6", "--shape", "32", "32", "24", "--out", str(brains)]) == 0
    assert write_phantoms(["abdomen", "--cases", "6", "--shape", "44", "44", "24", "--out", str(abdomens)]) == 0
    zones = write_zones(folder / "zones", cases=6)
    hippocampi = write_hippocampi(folder / "hippocampi", cases=6)
    named = {
        brains: ("Task01_BrainTumour", "volumes", "other_volumes", "site_a", "site_b", "site_c"),
        abdomens: ("kits19", "ct_volumes"),
        zones: ("Task05_Prostate", "prostate_volumes"),
        hippocampi: ("Task04_Hippocampus",),
    }
    for target, names in named.items():
        for name in names:
            (folder / name).symlink_to(target)
    files = sorted(path for path in (brains / "imagesTr").iterdir())
    (folder / "list.txt").write_text("".join(f"{file}\n" for file in files))
    return folder


def name_new_cases(data: Path, folder: str) -> None:
    """Lets `/data/new_cases` be cases such as the bundle of the folder segments."""
    sets = {"kits_medtuning": "kits19", "prostate_lora": "Task05_Prostate", "mine": "Task04_Hippocampus"}
    link = data / "new_cases"
    link.unlink(missing_ok=True)
    link.symlink_to(data / sets.get(Path(folder).name, "Task01_BrainTumour"))
