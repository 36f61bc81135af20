"""Writes a phantom as a data set in the layout of the Medical Segmentation Decathlon, byte for byte reproducible."""

import gzip
import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import Phantom, Shape
from segpeft.data.phantoms.grid import check_shape
from segpeft.errors import InputError

_GZIP_LEVEL = 4


@dataclass(frozen=True)
class Settings:
    """Which cases to write; recorded in `dataset.json`, so that one folder never holds two generations.

    Args:
        cases: number of cases, at least 1.
        shape: voxels along x, y and z, at least 24 each.
        seed: seed of the data set, at least 0.
        start: index of the first case, from 0; case i does not depend on it, and its file is numbered i + 1.
        labelled: whether to write labels and list the cases as training; else images alone, listed as test.

    Raises:
        InputError: if a value is out of its range.
    """

    cases: int
    shape: Shape
    seed: int = 0
    start: int = 0
    labelled: bool = True

    def __post_init__(self) -> None:
        for name, lowest in (("cases", 1), ("seed", 0), ("start", 0)):
            if getattr(self, name) < lowest:
                raise InputError(f"{name} {getattr(self, name)}: must be at least {lowest}")
        check_shape(self.shape)


@dataclass(frozen=True)
class _Job:
    """One case and where its files go; `label` is None for an unlabelled case."""

    index: int
    image: Path
    label: Path | None

    @property
    def done(self) -> bool:
        return self.image.exists() and (self.label is None or self.label.exists())


def write_dataset(phantom: Phantom, folder: Path, settings: Settings, workers: int = 1) -> Generator[Path, None, None]:
    """Writes what is missing of a data set and yields each image once it is there.

    Every file appears under its name only when complete, and `dataset.json` last of all; until then its content stands
    in `dataset.json.partial`. So an interrupted run is continued by the same call, and a complete set is left as it is.

    Args:
        phantom: what to make.
        folder: the data set's folder; created if need be.
        settings: which cases to make.
        workers: processes to make cases in; 1 stays in this one.

    Yields:
        Paths of the images written by this call, in order of completion.

    Raises:
        InputError: if `workers` is below 1, or the folder holds anything but this data set.
    """
    if workers < 1:
        raise InputError(f"workers {workers}: must be at least 1")
    jobs = _jobs(phantom, folder, settings)
    description = _description(phantom, settings, jobs, folder)
    complete, partial = folder / "dataset.json", folder / "dataset.json.partial"
    if not _is_ours(folder, complete if complete.exists() else partial, description):
        _write_atomically(partial, (json.dumps(description, indent=2) + "\n").encode())
    todo = [job for job in jobs if not job.done]
    yield from _write_cases(phantom, todo, settings, workers)
    if partial.exists():
        os.replace(partial, complete)


def _write_cases(phantom: Phantom, jobs: list[_Job], settings: Settings, workers: int) -> Iterator[Path]:
    """Writes cases in this process or in several, and yields their images in order of completion."""
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield _write_case(phantom, job, settings)
        return
    with ExitStack() as stack:
        stack.callback(_restore_environment, _one_thread_a_worker())
        pool = stack.enter_context(ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn")))
        for future in as_completed([pool.submit(_write_case, phantom, job, settings) for job in jobs]):
            yield future.result()


def _jobs(phantom: Phantom, folder: Path, settings: Settings) -> list[_Job]:
    """Lists the cases with their files, numbered from 1 as in the Decathlon."""
    names = {
        i: f"{phantom.file_prefix}_{i + 1:03d}.nii.gz" for i in range(settings.start, settings.start + settings.cases)
    }
    if settings.labelled:
        return [_Job(i, folder / "imagesTr" / name, folder / "labelsTr" / name) for i, name in names.items()]
    return [_Job(i, folder / "imagesTs" / name, None) for i, name in names.items()]


def _description(phantom: Phantom, settings: Settings, jobs: list[_Job], folder: Path) -> dict[str, object]:
    """Returns the content of `dataset.json`; "phantom" is an entry of our own that records the settings."""

    def entry(path: Path) -> str:
        return "./" + path.relative_to(folder).as_posix()

    training = [{"image": entry(job.image), "label": entry(job.label)} for job in jobs if job.label is not None]
    test = [entry(job.image) for job in jobs if job.label is None]
    return {
        **phantom.dataset_header(),
        "numTraining": len(training),
        "numTest": len(test),
        "training": training,
        "test": test,
        "phantom": {
            "kind": phantom.name,
            "version": phantom.version,
            **asdict(settings),
            "shape": list(settings.shape),
        },
    }


def _is_ours(folder: Path, path: Path, description: dict[str, object]) -> bool:
    """Tells whether `path` describes this very data set already; raises InputError if the folder holds another."""
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"{folder}: holds files but no dataset.json; choose an empty folder")
        return False
    try:
        found = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not valid JSON; choose another folder") from error
    if found != description:
        raise InputError(f"{path}: is another data set ({_difference(found, description)}); choose another folder")
    return True


def _difference(found: object, wanted: dict[str, object]) -> str:
    """Says in one line in which settings two `dataset.json` differ."""
    theirs = found.get("phantom") if isinstance(found, dict) else None
    ours = wanted["phantom"]
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return "not written by a phantom"
    changed = [f"{key} {theirs.get(key)} instead of {value}" for key, value in ours.items() if theirs.get(key) != value]
    return ", ".join(changed) or "edited since it was written"


def _write_case(phantom: Phantom, job: _Job, settings: Settings) -> Path:
    """Makes one case and writes its label, then its image."""
    case = phantom.make_case(settings.shape, settings.seed, job.index)
    if job.label is not None:
        _write_atomically(job.label, _nifti_bytes(case.label, case.affine))
    channels_last = np.moveaxis(case.image, 0, -1)  # (X, Y, Z, C)
    _write_atomically(job.image, _nifti_bytes(channels_last, case.affine))
    return job.image


def _nifti_bytes(volume: NDArray[np.generic], affine: NDArray[np.float64]) -> bytes:
    """Returns a gzipped NIfTI-1 file without a time stamp, so that equal volumes give equal bytes."""
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm", "sec")
    return gzip.compress(image.to_bytes(), compresslevel=_GZIP_LEVEL, mtime=0)


def _write_atomically(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name and renames it, so that no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _one_thread_a_worker() -> dict[str, str | None]:
    """Keeps workers that start from now on from running a thread pool each; returns the variables as they were."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    return before


def _restore_environment(before: dict[str, str | None]) -> None:
    """Sets environment variables back; None means unset."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
