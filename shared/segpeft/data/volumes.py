"""Any folder of volumes for self-supervised pre-training: every channel of every file is a one-channel volume."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, overload

import nibabel
from monai.config import KeysCollection
from monai.transforms import Compose, SqueezeDimd

from segpeft.data.checks import CheckImaged
from segpeft.data.crops import RandBalancedCropd
from segpeft.data.folds import assign_folds, check_fold
from segpeft.data.loading import LoadVolumed
from segpeft.data.naming import is_volume, stem
from segpeft.data.preprocess import spatial_steps
from segpeft.errors import InputError

NOT_IMAGES = ("labels*/*", "*_seg.nii*", "*-seg.nii*", "*GOLD_STANDARD*", "*mask*", "*label*")
"""Patterns, against the path under the folder, of volumes that are annotations."""

SECTIONS = ("all", "training", "validation")


class VolumeList(Sequence[dict[str, Any]]):
    """The volumes under a folder as `{"case": id, "image": path, "channel": index}`, found at the first `len` or item.

    Only headers are read. Sections split by file, so that channels of one scan never lie on both sides.

    Args:
        folder: searched with all its subfolders for `.nii` and `.nii.gz`.
        section: "all", "training" or "validation".
        fold: which fold validates.
        folds: how many folds there are.
        seed: of the split.
        exclude: patterns of paths under `folder` that are not images.

    Raises:
        InputError: (constructor) a knob out of range; (first use) no such folder, no volume, an unreadable header.
    """

    def __init__(
        self,
        folder: str | Path,
        section: str = "all",
        fold: int = 0,
        folds: int = 10,
        seed: int = 0,
        exclude: Sequence[str] = NOT_IMAGES,
    ) -> None:
        if section not in SECTIONS:
            raise InputError(f"section is {section!r}; expected one of {', '.join(SECTIONS)}")
        check_fold(fold, folds)
        self.folder, self.section, self.fold, self.folds = folder, section, fold, folds
        self.seed, self.exclude = seed, tuple(exclude)
        self._volumes: list[dict[str, Any]] | None = None

    def __len__(self) -> int:
        return len(self.volumes)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.volumes[index]

    @property
    def volumes(self) -> list[dict[str, Any]]:
        """One entry a file and channel, found on first use."""
        if self._volumes is None:
            root = Path(self.folder).expanduser()
            files = self._files(root)
            if self.section != "all":
                folds = assign_folds([str(file) for file in files], self.folds, self.seed)
                files = [f for f in files if (folds[str(f)] == self.fold) == (self.section == "validation")]
            self._volumes = [entry for file in files for entry in _entries(root, file)]
        return self._volumes

    def _files(self, root: Path) -> list[Path]:
        if not root.is_dir():
            raise InputError(f"{root}: no such folder (knob dataset_dir)")
        found = sorted(path for path in root.rglob("*") if path.is_file() and is_volume(path))
        names = {path: path.relative_to(root).as_posix() for path in found}
        kept = [path for path in found if not any(fnmatch(names[path], pattern) for pattern in self.exclude)]
        if not kept:
            raise InputError(
                f"{root}: no volumes found; expected .nii or .nii.gz files that no `exclude` pattern matches"
            )
        return kept


def _entries(root: Path, file: Path) -> list[dict[str, Any]]:
    try:
        shape = nibabel.load(file).shape  # type: ignore[attr-defined]
    except Exception as error:  # readers raise nearly anything for a damaged file
        raise InputError(f"{file}: has no readable NIfTI header ({error})".splitlines()[0]) from error
    name = "_".join((*file.relative_to(root).parent.parts, stem(file)))
    channels = shape[-1] if len(shape) > 3 else 1
    return [{"case": f"{name}_channel{c}", "image": str(file), "channel": c} for c in range(channels)]


class LoadChanneld(LoadVolumed):
    """Loads a volume and keeps the channel that the entry "channel" names, as (1, H, W, D).

    Args:
        keys: of the paths.
        channel_key: of the index.

    Raises:
        InputError: the file cannot be read, or has no such channel.
    """

    def __init__(self, keys: KeysCollection = "image", channel_key: str = "channel") -> None:
        super().__init__(keys)
        self.channel_key = channel_key

    def __call__(self, data: Mapping[Hashable, Any], reader: Any = None) -> dict[Hashable, Any]:
        """Returns the case with one channel of its image."""
        d = super().__call__(data, reader)
        channel = int(d[self.channel_key])
        for key in self.key_iterator(d):
            if not 0 <= channel < d[key].shape[0]:
                raise InputError(f"{data[key]}: has {d[key].shape[0]} channels; expected one with index {channel}")
            d[key] = d[key][channel : channel + 1].clone()
        return d


def volume_crops(image_size: Sequence[int], num_samples: int = 1, spacing: Sequence[float] | None = None) -> Compose:
    """Returns the transforms from an entry of `VolumeList` to z-scored random crops (1, *image_size), float32.

    Up to the crop they are deterministic, so a `PreparedDataset` does them once.

    Args:
        image_size: three numbers for 3D crops, two for axial slices.
        num_samples: crops a volume and epoch.
        spacing: voxel size in mm to resample to; None keeps the file's.

    Raises:
        InputError: `image_size` has not two or three entries.
    """
    if len(image_size) not in (2, 3):
        raise InputError(f"image_size is {list(image_size)}; expected two (slices) or three (volumes) numbers")
    window = (*image_size, 1) if len(image_size) == 2 else tuple(image_size)
    steps: list[Any] = [LoadChanneld(), CheckImaged(channels=1), *spatial_steps(["image"], spacing, margin=0)]
    steps.append(RandBalancedCropd("image", window, num_samples, pos=0, neg=1))
    if len(image_size) == 2:
        steps.append(SqueezeDimd("image", dim=-1))  # (1, H, W)
    return Compose(steps)
