"""One prepared case on disk: memory-mappable arrays and a header that says what they were made from."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray
from torch import Tensor

from segpeft.data.describe import digest
from segpeft.data.naming import case_id
from segpeft.data.presence import PRESENT
from segpeft.data.provenance import ABSENT, file_of
from segpeft.errors import InputError

HEADER = "header.json"
FOREGROUND, BACKGROUND = "foreground_indices", "background_indices"
FOREGROUND_REGIONS = "foreground_regions"
"""Of every foreground index the regions that it is in, (R, N)."""

INDICES = (FOREGROUND, BACKGROUND, FOREGROUND_REGIONS)
MAX_INDICES = 50_000
"""Centres kept a case and kind: 0.2 MB each, far more than a training draws from one case."""


def case_folder(root: Path, item: Mapping[str, Any]) -> Path:
    """Returns where a case lies under `root`: its id for people to read, and a digest of the item as ids can repeat."""
    return root / f"{re.sub(r'[^-.0-9A-Za-z_]', '_', case_id(item))}-{digest(dict(item))[:8]}"


def source_stamps(item: Mapping[str, Any]) -> dict[str, list[int]]:
    """Returns size and modification time (ns) of every existing file under "image" and "label", alone or in a folder.

    A folder is a DICOM series: any of its slices may have been replaced. A channel that is `ABSENT` has no file.
    """
    values = [item[key] for key in ("image", "label") if key in item]
    entries = [entry for value in values for entry in (value if isinstance(value, (list, tuple)) else [value])]
    named = {Path(entry) for entry in entries if isinstance(entry, (str, os.PathLike)) and entry != ABSENT}
    paths = {inner for path in named for inner in (path.iterdir() if path.is_dir() else [path]) if inner.is_file()}
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(paths)}


def read_header(folder: Path) -> dict[str, Any] | None:
    """Returns the header of a prepared case, None where there is no whole one."""
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in header["files"].items())
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return header if whole else None


def is_current(folder: Path, item: Mapping[str, Any]) -> bool:
    """Returns whether `folder` holds the case, whole, made from the files as they are now."""
    header = read_header(folder)
    return header is not None and header.get("sources") == source_stamps(item)


def balance_indices(image: Tensor, label: Tensor | None) -> dict[str, NDArray[Any]]:
    """Returns flat indices into (H, W, D) of region voxels and of background voxels inside the foreground.

    At most `MAX_INDICES` of each region and of the background, drawn without replacement by a fixed seed, in ascending
    order, and the regions (R, N) that each of the N region voxels is in.

    Args:
        image: normalised, (C, H, W, D), 0 outside the foreground. A CT is 0 nowhere: all of its box may be background.
        label: region masks or a label map, (R, H, W, D); None: all of the foreground counts as background.
    """
    inside = (image != 0).any(0)
    region = torch.zeros_like(inside) if label is None else (label > 0.5).any(0)
    each = [] if label is None else [_some(mask) for mask in label > 0.5]
    drawn = np.unique(np.concatenate(each)) if each else np.zeros(0, np.int32)  # a small region keeps all of its voxels
    indices: dict[str, NDArray[Any]] = {FOREGROUND: drawn, BACKGROUND: _some(inside & ~region)}
    regions = label.flatten(1)[:, indices[FOREGROUND]] > 0.5 if label is not None else torch.zeros(0, 0)
    return {**indices, FOREGROUND_REGIONS: regions.to(torch.uint8).numpy()}


def _some(mask: Tensor) -> NDArray[np.int32]:
    indices = mask.flatten().nonzero()[:, 0].numpy()
    if len(indices) > MAX_INDICES:
        indices = np.sort(np.random.RandomState(0).choice(indices, MAX_INDICES, replace=False))
    return indices.astype(np.int32)


def write_case(folder: Path, item: Mapping[str, Any], volumes: Mapping[str, Any], dtype: str) -> int:
    """Writes the arrays of a preprocessed case and returns their bytes.

    Everything goes into a temporary folder beside `folder` that takes its name when whole: a process that is killed
    leaves no half case.

    Args:
        folder: where the case shall lie; an older one is replaced.
        item: the case before preprocessing, for the header.
        volumes: the case after it; entries that are arrays of four axes are kept, and `present`.
        dtype: "float16" or "float32", of arrays that are not masks or label maps.

    Raises:
        InputError: a value is too large for `dtype`.
    """
    tensors = {str(name): value for name, value in volumes.items() if isinstance(value, Tensor) and value.ndim == 4}
    plain = {name: value.as_subclass(Tensor) for name, value in tensors.items()}
    arrays: dict[str, NDArray[Any]] = {n: _compact(v, dtype, file_of(tensors[n])) for n, v in plain.items()}
    arrays.update(balance_indices(plain["image"], plain.get("label")))
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)
        files = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
        header = {"case": case_id(item), "sources": source_stamps(item), "files": files, **_geometry(tensors["image"])}
        if PRESENT in volumes:
            header[PRESENT] = volumes[PRESENT].tolist()
        (partial / HEADER).write_text(json.dumps(header, indent=1), encoding="utf-8")
        _replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sum(files.values())


def _geometry(image: Tensor) -> dict[str, Any]:
    affine = image.affine.tolist() if isinstance(image, MetaTensor) else np.eye(4).tolist()
    return {"shape": list(image.shape), "affine": affine}


def _compact(values: Tensor, dtype: str, source: str) -> NDArray[Any]:
    if values.dtype == torch.bool or _is_label(values):
        return values.to(torch.uint8).numpy()
    with np.errstate(over="ignore"):  # told below, with the file's name
        array = values.numpy().astype(dtype)
    if not np.isfinite(array).all():
        raise InputError(
            f"{source}: values up to {float(values.abs().max()):g} do not fit {dtype}; set dtype to float32"
        )
    return array


def _is_label(values: Tensor) -> bool:
    low, high = torch.aminmax(values)
    return bool(low >= 0) and bool(high <= 255) and bool((values == values.round()).all())


def _replace(partial: Path, folder: Path) -> None:
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
        os.replace(folder, old / "old")
        shutil.rmtree(old, ignore_errors=True)
    try:
        os.replace(partial, folder)
    except OSError:
        if read_header(folder) is None:  # otherwise another run has just prepared the same case
            raise


def open_case(folder: Path) -> dict[str, Any]:
    """Returns the arrays of a prepared case as copy-on-write memory maps, nothing read yet, and its other entries.

    They are "case", "affine", and "present" where the case was prepared with one.
    """
    header = read_header(folder)
    if header is None:
        raise InputError(f"{folder}: the prepared case is gone or damaged; start again to prepare it anew")
    maps = {name.removesuffix(".npy"): np.load(folder / name, mmap_mode="c") for name in header["files"]}
    present = {PRESENT: torch.tensor(header[PRESENT])} if PRESENT in header else {}
    return {**maps, **present, "case": header["case"], "affine": np.asarray(header["affine"])}


def remove_partial(root: Path) -> None:
    """Removes what killed runs have left under `root`, if it is older than an hour."""
    for path in root.glob("*/.partial-*"):
        if _age_seconds(path) > 3600:
            shutil.rmtree(path, ignore_errors=True)


def _age_seconds(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def bytes_under(folders: Iterable[Path]) -> int:
    """Returns the bytes of all files in `folders`."""
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
