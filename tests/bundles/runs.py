"""Running bundles, in this process where nothing speaks against it, with a network that trains in a second."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigWorkflow

from segpeft.errors import find_input_error

Volume = tuple[np.ndarray, np.ndarray]  # voxels and affine
BUNDLES = Path(__file__).parents[2] / "bundles"
NETWORK = {
    "image_size": [32, 32, 16],
    "encoder": {
        "patch_size": [8, 8, 8],
        "hidden_size": 24,
        "mlp_dim": 48,
        "num_layers": 4,
        "num_heads": 2,
        "qkv_bias": False,
    },
}
ZONES_NETWORK = {
    "spacing": [1.5, 1.5, 3.6],
    "image_size": [32, 32, 8],
    "encoder": {**NETWORK["encoder"], "patch_size": [8, 8, 4]},
}
SLICES_NETWORK = {
    "spacing": [9.0, 9.0, 12.0],
    "image_size": [32, 24, 16],
    "encoder": {**NETWORK["encoder"], "kind": "vit", "patch_size": [8, 8], "qkv_bias": True},
    "feature_size": 8,
    "num_workers": 0,
    "warmup": 0.3,
}
SMALL = {"feature_size": 4, "method#rank": 4, "num_workers": 0}
SHORT = {"folds": 3, "epochs": 2, "val_interval": 1, "crops_per_case": 1}
INFERRING = {**NETWORK, **SMALL}
TRAINING = {**INFERRING, **SHORT}
PRETRAINING = {
    **NETWORK,
    "decoder": {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2},
    "epochs": 2,
    "epoch_length": 3,
    "crops_per_volume": 1,
    "validation_share": 0.3,
    "num_workers": 0,
}
PRETRAINING_SWIN = {
    **{name: value for name, value in PRETRAINING.items() if name not in NETWORK and name != "decoder"},
    "image_size": [32, 32],
    "encoder": {
        "kind": "swin",
        "patch_size": [2, 2],
        "embed_dim": 6,
        "depths": [2, 1, 1, 1],
        "num_heads": [1, 2, 2, 2],
        "window_size": [2, 2],
    },
    "mask_unit": [8, 8],
}


SEGMENTING = {
    "brats_lora": INFERRING,
    "prostate_lora": {**ZONES_NETWORK, **SMALL},
    "kits_medtuning": SLICES_NETWORK,
}
"""Bundles that segment, which most tests run alike, with the knobs of a tiny network."""

SEGMENTING_SWIN = {
    "num_workers": 0,
    "warmup": 0.3,
    "spacing": SLICES_NETWORK["spacing"],
    "image_size": [64, 64, 32],
    "encoder#embed_dim": 12,
    "encoder#depths": [2, 1, 1, 1],
    "encoder#num_heads": [1, 2, 3, 4],
}
"""The same for `kits_medtuning` with its overlay of a Swin."""

CHANNELS = {"brats_lora": ["FLAIR", "T1w", "T1gd", "T2w"], "prostate_lora": ["T2", "ADC"], "kits_medtuning": ["CT"]}
REGIONS = {"brats_lora": ["WT", "TC", "ET"], "prostate_lora": ["PZ", "TZ"], "kits_medtuning": ["kidney", "tumour"]}


@dataclass(frozen=True)
class Subject:
    """A bundle that segments, with data and a network that was trained on them for two epochs.

    Attributes:
        bundle: its name.
        data: the data set's folder: six labelled cases.
        trained: a folder with `out`, `models` and `cache` of the training.
    """

    bundle: str
    data: Path
    trained: Path

    @property
    def inferring(self) -> dict[str, Any]:
        return {**SEGMENTING[self.bundle], "dataset_dir": self.data}

    @property
    def training(self) -> dict[str, Any]:
        return {**self.inferring, **SHORT}

    @property
    def model(self) -> Path:
        return self.trained / "models" / "model.pt"

    @property
    def adapter(self) -> Path:
        return self.trained / "models" / "adapters" / f"{self.bundle}.safetensors"

    def image(self) -> torch.Tensor:
        """Noise of one window, with as many channels as the bundle has."""
        shape = (1, len(CHANNELS[self.bundle]), *SEGMENTING[self.bundle]["image_size"])
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def config_files(bundle: str, *names: str) -> list[str]:
    """Paths of a bundle's configs; a name that is a path already stays."""
    return [name if os.path.isabs(name) else str(BUNDLES / bundle / "configs" / f"{name}.json") for name in names]


def workflow(bundle: str, *names: str, **options: Any) -> ConfigWorkflow:
    """A workflow as MONAI's tools make it, initialized; `options` are its arguments and overrides of the configs."""
    root = str(BUNDLES / bundle)
    kind = "infer" if names[0] == "inference" else "train"
    files = config_files(bundle, *names)
    made = ConfigWorkflow(
        files,
        **{"logging_file": False, "bundle_root": root, "device": "cpu", "workflow_type": kind, **plain(options)},
    )
    made.initialize()
    return made


def run(bundle: str, *names: str, **options: Any) -> ConfigWorkflow:
    """Initializes, runs and finalizes; returns the workflow, whose parser still holds what ran."""
    made = workflow(bundle, *names, **options)
    made.run()
    made.finalize()
    return made


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides as a command line would give them: paths as text, and copies, since the parser writes into them."""
    return {key: str(value) if isinstance(value, Path) else deepcopy(value) for key, value in options.items()}


def outputs(folder: Path) -> dict[str, Any]:
    """The knobs that say where a training writes."""
    return {"output_dir": folder / "out", "model_dir": folder / "models", "cache_dir": folder / "cache"}


def refusal(work: Callable[..., Any], *args: Any, **options: Any) -> str:
    """The message that a user reads when `work` ends in an error for wrong input; it must be one line."""
    try:
        work(*args, **options)
    except Exception as error:
        found = find_input_error(error)
        if found is None:
            raise
        assert "\n" not in str(found)
        return str(found)
    raise AssertionError("the run ended well, expected an InputError")


def arguments(run_id: str | None, files: list[str], options: Mapping[str, Any]) -> list[str]:
    """What a person types after `python`."""
    listed = "[" + ",".join(f"'{file}'" for file in files) + "]"
    command = ["-m", "monai.bundle", "run", *([run_id] if run_id else []), "--config_file", listed]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return command


def start(bundle: str, command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts `python <command>` inside the bundle; its output goes to `<log>.out` and `<log>.err`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, *command], cwd=BUNDLES / bundle, stdout=out, stderr=err, env=environment
        )


def weights(path: Path | str) -> dict[str, torch.Tensor]:
    return torch.load(path, map_location="cpu", weights_only=True)


def save_volume(path: Path, voxels: np.ndarray, affine: np.ndarray) -> Path:
    """Writes a NIfTI file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    return path
