"""The bundles that segment, each with phantoms and with knobs for a network of a few layers that trains in a minute."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.bundle.command import bundle_command
from segpeft.bundle.process import last_line, run_logged
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.errors import InputError

BUNDLES = Path(__file__).parents[2] / "bundles"
ENCODER = {"hidden_size": 48, "mlp_dim": 96, "num_layers": 4, "num_heads": 4}
TRAINING = {"max_lr": 0.004, "crops_per_case": 4, "sw_batch_size": 4, "num_workers": 0, "val_interval": 10}


@dataclass(frozen=True)
class Subject:
    """A bundle and what it is served with.

    Attributes:
        bundle: its name.
        phantom: arguments that write its phantoms, without number and folder.
        knobs: of ``train.json`` and ``inference.json``, other than shipped.
        least_dice: of the whole structure (every label together), over the served images.
    """

    bundle: str
    phantom: tuple[str, ...]
    knobs: Mapping[str, Any]
    least_dice: float

    @property
    def folder(self) -> Path:
        """The shipped bundle."""
        return BUNDLES / self.bundle

    def trained(self, work: Path) -> Path:
        """Returns a copy of the bundle with the knobs in its configs and a trained ``models/model.pt``.

        Weights that an earlier call left under ``work`` are used again, if they were made with the same knobs.

        Raises:
            InputError: the training fails.
        """
        copy, data, made = work / self.bundle, work / "data" / self.bundle, work / self.bundle / "models" / "made.json"
        record = json.dumps([self.phantom, self.knobs], sort_keys=True)
        known = made.exists() and made.read_text(encoding="utf-8") == record
        if not known:
            shutil.rmtree(copy, ignore_errors=True)
        ignored = shutil.ignore_patterns("models", "eval", "cache")
        shutil.copytree(self.folder, copy, ignore=ignored, dirs_exist_ok=True)
        for name in ("train", "inference"):
            _set_knobs(copy / "configs" / f"{name}.json", self.knobs)
        if known:
            return copy
        shutil.rmtree(data, ignore_errors=True)
        self.write_phantoms(data, cases=10, seed=0)
        log = work / "logs" / f"{self.bundle}.log"
        if run_logged(bundle_command("training", ["train.json"], {"dataset_dir": data}), copy, log):
            raise InputError(f"training {self.bundle} failed: {last_line(log)} (all of it in {log})")
        made.write_text(record, encoding="utf-8")
        return copy

    def write_phantoms(self, folder: Path, cases: int, seed: int) -> None:
        """Writes labelled phantoms.

        Raises:
            InputError: they could not be written.
        """
        if write_phantoms([*self.phantom, "--cases", str(cases), "--seed", str(seed), "--out", str(folder)]):
            raise InputError(f"{folder}: the phantoms could not be written")


def _set_knobs(config: Path, knobs: Mapping[str, Any]) -> None:
    content = json.loads(config.read_text(encoding="utf-8"))
    content.update({name: value for name, value in knobs.items() if name in content})
    config.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


BRATS = Subject(
    "brats_lora",
    ("brain", "--shape", "48", "48", "32"),
    {
        **TRAINING,
        "image_size": [24, 24, 16],
        "encoder": {**ENCODER, "patch_size": [4, 4, 4], "qkv_bias": False},
        "feature_size": 8,
        "epochs": 20,
    },
    least_dice=0.5,
)
PROSTATE = Subject(
    "prostate_lora",
    ("prostate", "--layout", "series", "--shape", "48", "48", "16"),
    {
        **TRAINING,
        "spacing": [3.6, 3.6, 4.5],
        "image_size": [24, 24, 8],
        "encoder": {**ENCODER, "patch_size": [4, 4, 2], "qkv_bias": False},
        "feature_size": 8,
        "epochs": 20,
    },
    least_dice=0.5,
)
KITS = Subject(
    "kits_medtuning",
    ("kidneys", "--shape", "48", "48", "24"),
    {
        **TRAINING,
        "spacing": [5.5, 5.5, 8.0],
        "image_size": [32, 32, 8],
        "encoder": {**ENCODER, "kind": "vit", "patch_size": [4, 4], "qkv_bias": True},
        "method": {"_target_": "segpeft.peft.MedAdapter", "alpha": 4},
        "feature_size": 16,
        "style": "light",
        "epochs": 16,
    },
    least_dice=0.5,
)
SUBJECTS = {subject.bundle: subject for subject in (BRATS, PROSTATE, KITS)}
