"""Reading volumes: one 4D file, or one file or DICOM folder a channel, always to (C, H, W, D) float32.

What fails is said in one line.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import DtypeLike, KeysCollection, PathLike
from monai.data import MetaTensor
from monai.data.image_reader import ImageReader
from monai.transforms import LoadImage, LoadImaged
from monai.utils import ensure_tuple

from segpeft.data.channel_grid import onto_grid
from segpeft.data.dicom_series import DicomSeriesReader
from segpeft.data.grids import checked_affine, grid_difference
from segpeft.data.naming import is_volume_name
from segpeft.data.provenance import ABSENT, CHANNEL_FILES
from segpeft.data.sibling_files import with_siblings
from segpeft.data.voxel_size import check_voxel_size
from segpeft.errors import InputError, reason_of


class LoadVolume(LoadImage):
    """Reads one volume to a `MetaTensor` (C, H, W, D).

    A file (X, Y, Z) gives one channel, a file (X, Y, Z, C) gives C, a folder is one DICOM series and gives one channel;
    a list of files or folders of one channel each is stacked in its order, with zeros for a channel that is `ABSENT`
    from it. Unlike MONAI's stacking it compares the grids, and it names the file in every error.

    Args:
        resample_channels: bring the later files of a list onto the grid of the first, see
            :mod:`segpeft.data.channel_grid`; otherwise other grids are refused.
        **options: of MONAI's `LoadImage`.
    """

    def __init__(self, *, resample_channels: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.resample_channels = resample_channels

    def __call__(self, filename: Sequence[PathLike] | PathLike, reader: ImageReader | None = None) -> Any:
        """Returns the volume, and its meta data too where `image_only` is off.

        Raises:
            InputError: a file is missing or unreadable, is not 3D or 4D, has no voxels or no place in space, the files
                of a list do not fit together, or see `series_files` for a folder.
        """
        paths = [os.fspath(path) for path in ensure_tuple(filename)]
        if not any(paths):
            raise InputError("a case has no file in any channel; expected at least one")
        volumes = [self._read(path, reader) if path != ABSENT else None for path in paths]
        volume: Any = volumes[0] if len(volumes) == 1 else _stack(volumes, paths, self.resample_channels)
        return volume if self.image_only else (volume, volume.meta)

    def _read(self, path: str, reader: ImageReader | None) -> MetaTensor:
        if is_volume_name(os.path.basename(path)):
            check_voxel_size(path)
        try:
            loaded = super().__call__(path, DicomSeriesReader() if os.path.isdir(path) else reader)
        except InputError:
            raise
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        except Exception as error:  # readers raise nearly anything for a damaged file
            expected = "DICOM series" if os.path.isdir(path) else "NIfTI volume"
            raise InputError(f"{path}: cannot be read ({reason_of(error)}); expected an intact {expected}") from error
        volume = loaded[0] if isinstance(loaded, tuple) else loaded
        if volume.ndim != 4:
            raise InputError(f"{path}: has {volume.ndim - 1} spatial axes; expected (X, Y, Z) or (X, Y, Z, channels)")
        if not all(volume.shape):
            raise InputError(f"{path}: has the shape {list(volume.shape[1:])}; expected at least one voxel an axis")
        checked_affine(volume.affine, path)
        return volume


def _stack(volumes: list[MetaTensor | None], paths: list[str], resample: bool) -> MetaTensor:
    first, first_path = next((volume, path) for volume, path in zip(volumes, paths, strict=True) if volume is not None)
    fitting: list[torch.Tensor] = []
    for volume, path in zip(volumes, paths, strict=True):
        if volume is None:
            fitting.append(torch.zeros_like(first.as_tensor()))
            continue
        if volume.shape[0] != 1:
            raise InputError(
                f"{path}: has {volume.shape[0]} channels; expected 1, as it is one of {len(paths)} files of a case"
            )
        difference = grid_difference(volume.shape[1:], volume.affine, first.shape[1:], first.affine)
        if difference and not resample:
            raise InputError(f"{path}: {difference} as in {first_path}; all channels of a case must share one grid")
        fitting.append((onto_grid(volume, first, path, first_path) if difference else volume).as_tensor())
    stacked = torch.cat(fitting)  # (C, H, W, D)
    return MetaTensor(stacked, meta={**first.meta, CHANNEL_FILES: os.pathsep.join(paths)})


class LoadVolumed(LoadImaged):
    """Dictionary form of `LoadVolume`.

    It is a `LoadImaged` with a loader of its own, so servers that look for, wrap or reconfigure a `LoadImaged`
    (MONAI Label) work with it.

    Args:
        keys: of the paths, or lists of paths, to replace by volumes.
        reader: as in `LoadImaged`; None: by the file's suffix, nibabel for NIfTI.
        dtype: of the loaded values.
        image_only: False adds `<key>_meta_dict` entries.
        allow_missing_keys: pass over keys that a case does not have.
        resample_channels: as in `LoadVolume`.
        channels: names of the channels of the first key; where it is one path, the others are looked for beside it, see
            :mod:`segpeft.data.sibling_files`.
        allow_missing: of these files some may be missing.

    Raises:
        InputError: see `LoadVolume`; some of the files beside the first are missing.
    """

    def __init__(
        self,
        keys: KeysCollection,
        reader: type[ImageReader] | str | None = None,
        dtype: DtypeLike = np.float32,
        image_only: bool = True,
        allow_missing_keys: bool = False,
        resample_channels: bool = False,
        channels: Sequence[str] = (),
        allow_missing: bool = False,
    ) -> None:
        super().__init__(keys, reader=reader, dtype=dtype, image_only=image_only, allow_missing_keys=allow_missing_keys)
        self._loader = LoadVolume(
            resample_channels=resample_channels,
            reader=reader,
            image_only=image_only,
            dtype=dtype,
            ensure_channel_first=True,
            squeeze_non_spatial_dims=True,
        )
        self.channels, self.allow_missing = tuple(channels), allow_missing

    def __call__(self, data: Mapping[Hashable, Any], reader: ImageReader | None = None) -> dict[Hashable, Any]:
        """Returns the case with volumes instead of paths."""
        return super().__call__(self.with_all_files(data), reader)

    def with_all_files(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with the list of its files where it names the first of them."""
        d = dict(data)
        key = self.keys[0]
        if key in d:
            d[key] = with_siblings(d[key], self.channels, self.allow_missing)
        return d
