"""Data sets and one trained network that the tests of the bundles share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from segpeft.data.phantoms.__main__ import main as write_phantoms
from tests.bundles.runs import PRETRAINING, SEGMENTING, TRAINING, Subject, outputs, run
from tests.bundles.zones import write_zones


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """A bundle changes the hook for uncaught errors, the path of imports, logging and random states."""
    hook, path, state = sys.excepthook, list(sys.path), torch.get_rng_state()
    level, handlers = logging.root.level, list(logging.root.handlers)
    yield
    sys.excepthook, sys.path[:] = hook, path
    torch.set_rng_state(state)
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six labelled brains of 32 x 32 x 24 voxels in the layout of MSD Task01."""
    folder = tmp_path_factory.mktemp("phantoms")
    assert write_phantoms(["brain", "--cases", "6", "--shape", "32", "32", "24", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def trained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `out`, `models` and `cache` of two epochs of training on the phantoms."""
    folder = tmp_path_factory.mktemp("trained")
    run("brats_lora", "train", run_id="training", dataset_dir=phantoms, **TRAINING, **outputs(folder))
    return folder


@pytest.fixture(scope="session")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six labelled prostates, T2 and ADC as files on grids of their own."""
    return write_zones(tmp_path_factory.mktemp("zones"), cases=6)


@pytest.fixture(scope="session")
def abdomens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six labelled abdomens of 44 x 44 x 24 voxels as KiTS19 has them, slices first."""
    folder = tmp_path_factory.mktemp("abdomens")
    assert write_phantoms(["abdomen", "--cases", "6", "--shape", "44", "44", "24", "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session", params=SEGMENTING)
def subject(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Each bundle that segments, trained for two epochs."""
    if request.param == "brats_lora":
        return Subject(request.param, request.getfixturevalue("phantoms"), request.getfixturevalue("trained"))
    data = request.getfixturevalue({"prostate_lora": "zones", "kits_medtuning": "abdomens"}[request.param])
    made = Subject(request.param, data, tmp_path_factory.mktemp(f"trained_{request.param}"))
    run(made.bundle, "train", run_id="training", **made.training, **outputs(made.trained))
    return made


@pytest.fixture(scope="session")
def pretrained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The encoder file of two epochs of pre-training on the phantoms' images, and the folder of the run."""
    folder = tmp_path_factory.mktemp("pretrained")
    run("vit_mae", "train", run_id="training", dataset_dir=phantoms, **PRETRAINING, **outputs(folder))
    return folder / "models" / "pretrained" / "encoder.safetensors", folder
