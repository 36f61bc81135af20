"""Writes a phantom as a data set, byte for byte reproducible, and continues what was interrupted."""

import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from segpeft.atomic_files import replacing
from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.case_files import CaseFiles, Layout
from segpeft.data.phantoms.grid import check_shape
from segpeft.data.phantoms.kits_layout import KitsLayout
from segpeft.data.phantoms.msd_layout import MsdLayout
from segpeft.data.phantoms.series_layout import SeriesLayout
from segpeft.data.phantoms.settings import Settings
from segpeft.errors import InputError


def write_dataset(phantom: Phantom, folder: Path, settings: Settings, workers: int = 1) -> Generator[Path, None, None]:
    """Writes what is missing of a data set and yields each case once it is there.

    Every file appears under its name only when complete, and the record (`dataset.json`, `phantom.json`) last of all;
    until then its content stands in the record's name with `.partial` behind it. So an interrupted run is continued by
    the same call, and a complete set is left as it is.

    Args:
        phantom: what to make.
        folder: the data set's folder; created if need be.
        settings: which cases to make.
        workers: processes to make cases in; 1 stays in this one.

    Yields:
        Paths of the cases written by this call, in order of completion: the image, or the case's folder.

    Raises:
        InputError: if `workers` is below 1, the shape too small, or the folder holds anything but this data set.
    """
    if workers < 1:
        raise InputError(f"workers {workers}: must be at least 1")
    if settings.shape is not None:
        check_shape(settings.shape, phantom.smallest_shape)
    layout = _layout(phantom, settings)
    indices = range(settings.start, settings.start + settings.cases)
    cases = [layout.case_files(phantom, folder, settings, index) for index in indices]
    description = _description(phantom, settings, layout.listing(phantom, folder, cases))
    complete, partial = folder / layout.record, folder / f"{layout.record}.partial"
    if not _is_ours(folder, complete if complete.exists() else partial, description):
        with replacing(partial) as unfinished:
            unfinished.write_text(json.dumps(description, indent=2) + "\n")
    yield from _write_cases(layout, phantom, settings, [case for case in cases if not case.done], workers)
    if partial.exists():
        os.replace(partial, complete)


def _layout(phantom: Phantom, settings: Settings) -> Layout:
    """Returns the layout of the settings; raises InputError if it cannot hold the phantom."""
    if settings.layout == "kits" and len(phantom.modality) > 1:
        raise InputError(f"layout kits: holds one channel; {phantom.name} has {', '.join(phantom.modality)}")
    layouts: dict[str, Layout] = {"msd": MsdLayout(), "series": SeriesLayout(), "kits": KitsLayout()}
    return layouts[settings.layout]


def _write_cases(
    layout: Layout, phantom: Phantom, settings: Settings, cases: list[CaseFiles], workers: int
) -> Iterator[Path]:
    """Writes cases in this process or in several, and yields what stands for them in order of completion."""
    if workers == 1 or len(cases) < 2:
        for case in cases:
            layout.write(phantom, settings, case)
            yield case.shown
        return
    with ExitStack() as stack:
        stack.callback(_restore_environment, _one_thread_a_worker())
        pool = stack.enter_context(ProcessPoolExecutor(min(workers, len(cases)), get_context("spawn")))
        running = {pool.submit(layout.write, phantom, settings, case): case.shown for case in cases}
        for future in as_completed(running):
            future.result()
            yield running[future]


def _description(phantom: Phantom, settings: Settings, listing: dict[str, object]) -> dict[str, object]:
    """Returns the content of the record; "phantom" is an entry of our own that holds the settings."""
    return {**listing, "phantom": {"kind": phantom.name, "version": phantom.version, **settings.record()}}


def _is_ours(folder: Path, path: Path, description: dict[str, object]) -> bool:
    """Tells whether `path` describes this very data set already; raises InputError if the folder holds another."""
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(
                f"{folder}: holds files but no {path.name.removesuffix('.partial')}; choose an empty folder"
            )
        return False
    try:
        found = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: is not valid JSON; choose another folder") from error
    if found != description:
        raise InputError(f"{path}: is another data set ({_difference(found, description)}); choose another folder")
    return True


def _difference(found: object, wanted: dict[str, object]) -> str:
    """Says in one line in which settings two records differ."""
    theirs = found.get("phantom") if isinstance(found, dict) else None
    ours = wanted["phantom"]
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return "not written by a phantom"
    changed = [f"{key} {theirs.get(key)} instead of {value}" for key, value in ours.items() if theirs.get(key) != value]
    return ", ".join(changed) or "edited since it was written"


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
