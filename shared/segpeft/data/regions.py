"""Label maps to region masks and back: what the network learns, and what a file holds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor

from segpeft.data.label_schemes import LabelScheme
from segpeft.data.label_schemes import label_scheme as resolve_scheme
from segpeft.data.provenance import file_of
from segpeft.errors import InputError

SchemeLike = str | LabelScheme | Mapping[str, Any]


def labels_to_regions(label: Tensor, scheme: LabelScheme, source: str = "label") -> Tensor:
    """Returns one float32 mask a region, (R, H, W, D), from a label map (1, H, W, D).

    Args:
        label: values of `scheme`, in any dtype; float noise up to 1e-3 (0.99999997) is rounded away.
        scheme: which values make which region.
        source: what an error calls the label, its file.

    Raises:
        InputError: a value is not one of the scheme's.
    """
    if label.ndim != 4 or label.shape[0] != 1:
        raise InputError(f"{source}: label has shape {tuple(label.shape)}; expected one channel, (1, H, W, D)")
    rounded = label.round() if label.is_floating_point() else label
    found = torch.unique(rounded)
    wrong = sorted(set(found.tolist()) - set(scheme.values))
    if not wrong and label.is_floating_point() and (label - rounded).abs().max() > 1e-3:
        wrong = torch.unique(label[(label - rounded).abs() > 1e-3])[:5].tolist()
    if wrong:
        listed = ", ".join(f"{value:g}" for value in wrong[:5]) + (", ..." if len(wrong) > 5 else "")
        raise InputError(
            f"{source}: label values {listed} are not in scheme {scheme.name!r}, which allows {scheme.values}"
        )
    masks = [
        sum((rounded[0] == value for value in values[1:]), rounded[0] == values[0])
        for values in scheme.regions.values()
    ]
    return torch.stack(masks).to(torch.float32)


def regions_to_labels(
    regions: Tensor, scheme: LabelScheme, threshold: float = 0.5, min_voxels: Mapping[str, int] = MappingProxyType({})
) -> Tensor:
    """Returns a uint8 label map (1, H, W, D) from region probabilities or masks (R, H, W, D).

    Regions above `threshold` are painted in the scheme's order; inner regions come later and win, so every voxel has
    one value. Where two regions side by side are both above it, the more probable one is painted; masks say no more
    than that both are there, and the later one is.

    Raises:
        InputError: the number of channels is not the number of regions.
    """
    if regions.shape[0] != len(scheme.regions):
        raise InputError(
            f"prediction has {regions.shape[0]} channels; scheme {scheme.name!r} has the regions {list(scheme.regions)}"
        )
    label = torch.zeros(regions.shape[1:], dtype=torch.uint8, device=regions.device)
    masks = regions > threshold
    for region, least in min_voxels.items():
        _give_up_small(masks, scheme, region, least)
    for earlier, later in scheme.rivals:
        masks[later] &= ~(masks[earlier] & (regions[earlier] > regions[later]))  # the earlier one is painted over
    for mask, region in zip(masks, scheme.regions, strict=True):
        label[mask] = scheme.paint[region]
    return label[None]


def _give_up_small(masks: Tensor, scheme: LabelScheme, region: str, least: int) -> None:
    index = scheme.region_names.index(region)
    if masks[index].sum() < least:
        around = scheme.around(region)
        if around is not None:
            masks[scheme.region_names.index(around)] |= masks[index]
        masks[index] = False


class LabelToRegionsd(MapTransform):
    """Replaces a label map (1, H, W, D) by its region masks (R, H, W, D), float32.

    Args:
        keys: of the label maps.
        label_scheme: name or description of the scheme.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: a label file holds a value outside the scheme.
    """

    def __init__(self, keys: KeysCollection, label_scheme: SchemeLike, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scheme = resolve_scheme(label_scheme)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with masks instead of label maps."""
        d = dict(data)
        for key in self.key_iterator(d):
            regions = labels_to_regions(torch.as_tensor(d[key]).as_subclass(Tensor), self.scheme, file_of(d[key]))
            d[key] = convert_to_dst_type(regions, d[key], dtype=torch.float32)[0]
        return d


class RegionsToLabeld(MapTransform):
    """Replaces region probabilities (R, H, W, D) by a uint8 label map (1, H, W, D) in the values of the data's scheme.

    Args:
        keys: of the predictions.
        label_scheme: name or description of the scheme.
        threshold: a probability above it belongs to the region, in (0, 1).
        min_voxels: region to the fewest voxels that it may have in a case; what is smaller counts as the smallest
            region around it, or as background (BraTS: fewer than 500 voxels of enhancing tumour are necrosis).
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: `threshold` is not in (0, 1), `min_voxels` names no region of the scheme, or a prediction has not
            one channel a region.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_scheme: SchemeLike,
        threshold: float = 0.5,
        min_voxels: Mapping[str, int] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if not 0 < threshold < 1:
            raise InputError(f"threshold is {threshold}; expected a probability in (0, 1)")
        self.scheme, self.threshold = resolve_scheme(label_scheme), threshold
        self.min_voxels = dict(min_voxels or {})
        unknown = [region for region in self.min_voxels if region not in self.scheme.regions]
        if unknown:
            raise InputError(f"min_voxels names {unknown}; expected some of the regions {list(self.scheme.regions)}")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with label maps instead of probabilities."""
        d = dict(data)
        for key in self.key_iterator(d):
            regions = torch.as_tensor(d[key]).as_subclass(Tensor)
            label = regions_to_labels(regions, self.scheme, self.threshold, self.min_voxels)
            d[key] = convert_to_dst_type(label, d[key], dtype=torch.uint8)[0]
        return d
