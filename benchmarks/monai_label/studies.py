"""Images for a server: phantoms that lie in their files in several ways, as one 4D file or as several files a case."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from nibabel.processing import resample_from_to
from scipy.spatial.transform import Rotation

from segpeft.data.datalist import find_cases

from .subjects import Subject

SYMMETRIC = 0.5
"""The Dice of a label with its own flip, above which a flip is hard to see in a prediction."""


@dataclass(frozen=True)
class Pose:
    """How a case lies in its files.

    Attributes:
        axes: where the voxel axes point, "LPS" for example.
        degrees: by how much the patient is turned against them, about x and about z.
        files: every channel is a file, the first in the study folder and the others in folders named like them.
    """

    axes: str
    degrees: float = 0.0
    files: bool = False

    @property
    def name(self) -> str:
        """What studies in this pose are called."""
        tilted = f"_{self.degrees:g}_degrees" if self.degrees else ""
        return f"{self.axes}{tilted}_{'files' if self.files else 'file'}"


POSES = (Pose("RAS"), Pose("LPS"), Pose("ASL", 12.0), Pose("LPS", 8.0, files=True))


@dataclass(frozen=True)
class Study:
    """One image of a server.

    Attributes:
        name: by which the server knows it.
        images: its files, the first one in the study folder.
        label: the truth, on the grid of the first.
        pose: how it lies.
    """

    name: str
    images: tuple[Path, ...]
    label: Path
    pose: Pose


def channels_of(bundle: Path) -> list[str]:
    """Returns the names of the channels of a bundle."""
    return list(json.loads((bundle / "configs" / "inference.json").read_text(encoding="utf-8"))["channels"])


def write_studies(subject: Subject, studies: Path, work: Path, cases: int = 4) -> list[Study]:
    """Writes phantoms that the network was not trained on into ``studies``, one in each pose in turn.

    Args:
        subject: whose phantoms.
        studies: the folder that the server serves.
        work: for the phantoms as they were made, and the labels.
        cases: how many.
    """
    source = work / "data" / f"{subject.bundle}_served"
    subject.write_phantoms(source, cases=cases, seed=1)
    channels = channels_of(subject.folder)
    poses = [pose for pose in POSES if len(channels) > 1 or not pose.files]
    made = []
    for index, case in enumerate(find_cases(source, channels)):
        pose = poses[index % len(poses)]
        name = f"{subject.phantom[0]}_{index + 1}_{pose.name}"
        volumes, truth = off_centre(_volumes(case.images), nibabel.load(str(case.label)))
        label = _save(work / "labels" / f"{name}.nii.gz", placed(truth, pose))
        paths = _write(studies, name, [placed(volume, pose) for volume in volumes], channels, pose)
        made.append(Study(name, paths, label, pose))
    return made


def off_centre(volumes: Sequence[Any], label: Any) -> tuple[list[Any], Any]:
    """Returns a case cut on one side of each axis, so that what is labelled does not lie in the middle.

    Of a gland in the middle of its image the Dice is the same when it is flipped. Channels on other grids stay whole.
    """
    mask = np.asarray(label.dataobj) > 0
    cut: list[slice] = []
    for axis in range(3):
        cut.append(slice(_begin(mask[tuple(cut)], axis), None))
    same = [volume.shape == label.shape and np.allclose(volume.affine, label.affine) for volume in volumes]
    moved = [v.slicer[tuple(cut)] if fits else v for v, fits in zip(volumes, same, strict=True)]
    return moved, label.slicer[tuple(cut)]


def _begin(mask: np.ndarray, axis: int) -> int:
    """Returns where to cut: halfway to what is labelled, or as far on (into it at last) as a flip needs to be seen."""
    along = np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis)))
    first, deepest = int(along[0]) // 2, int(along[0] + 0.5 * len(along))
    for begin in range(first, deepest):
        rest = np.moveaxis(mask, axis, 0)[begin:]
        if np.sum(rest & rest[::-1]) < SYMMETRIC * np.sum(rest):
            return begin
    return deepest


def placed(image: Any, pose: Pose) -> Any:
    """Returns the same anatomy with its voxels in another order, and turned in the scanner."""
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(pose.axes))
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xz", [pose.degrees, pose.degrees], degrees=True).as_matrix()
    affine = turn @ image.affine @ inv_ornt_aff(change, image.shape[:3])
    return nibabel.Nifti1Image(apply_orientation(np.asarray(image.dataobj), change), affine)


def _volumes(paths: Sequence[str]) -> list[Any]:
    images = [nibabel.load(path) for path in paths]
    return list(nibabel.four_to_three(images[0])) if images[0].ndim == 4 else images


def _write(studies: Path, name: str, volumes: list[Any], channels: list[str], pose: Pose) -> tuple[Path, ...]:
    first = studies / f"{name}.nii.gz"
    if pose.files:
        folders = [studies, *(studies / channel for channel in channels[1:])]
        return tuple(_save(folder / first.name, volume) for folder, volume in zip(folders, volumes, strict=True))
    stack = [np.asarray(resample_from_to(v, volumes[0], order=1).dataobj) for v in volumes]
    values = np.stack(stack, -1) if len(stack) > 1 else stack[0]
    return (_save(first, nibabel.Nifti1Image(values.astype(np.float32), volumes[0].affine)),)


def _save(path: Path, image: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    return path
