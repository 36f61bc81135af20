"""Resampling that survives a server's extra entries, and whose way back fits into memory."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import Spacingd

from segpeft.data.slab_resampling import inverse_in_slabs


class SafeSpacingd(Spacingd):
    """MONAI's `Spacingd` for dictionaries that hold more than volumes.

    MONAI 1.6 updates every entry named `<key>_...` as if it were a meta dictionary, and fails on the string
    `image_path` that MONAI Label puts there. Such entries are set aside during the call. The inverse goes through large
    volumes slab by slab.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Returns the resampled case; see `Spacingd`."""
        aside = {name: value for name, value in data.items() if self._only_looks_like_meta(name, value)}
        kept = {name: value for name, value in data.items() if name not in aside}
        return {**super().__call__(kept, lazy), **aside}

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case on the voxels from which it was resampled."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = inverse_in_slabs(self.spacing_transform.sp_resample, d[key])
        return d

    def _only_looks_like_meta(self, name: Hashable, value: Any) -> bool:
        named = any(str(name).startswith(f"{key}_") for key in self.keys)
        return named and name not in self.keys and not isinstance(value, dict)
