"""Label schemes: which values a data set's label files hold, and which overlapping regions they make.

BraTS-like sets number the same tissues differently (MSD Task01 1/2/3, BraTS 2018-2022 2/1/4, BraTS 2023 2/1/3), and
all of them are judged on the nested regions WT (whole tumour), TC (tumour core) and ET (enhancing tumour). Prostate
sets number the peripheral zone (PZ) and the transition zone (TZ) 1/2 (MSD Task05) or 2/1 (Prostate158, the Model Zoo).
KiTS19 numbers kidney and tumour 1/2, and is judged on the kidney with its tumour and on the tumour.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from typing import Any

from segpeft.errors import InputError


@dataclass(frozen=True)
class LabelScheme:
    """How label files are read and written.

    Attributes:
        name: what configs call it.
        regions: region name to the file values it is the union of, in the order of the network's output channels.
            Nested regions go from the outside in.
        file_values: tissue name to its value in a file; empty: made from the values in `regions`.
        paint: region name to the value that its mask gets in an output file, painted in the order of `regions`, so that
            later (inner) regions win; empty: the first value of a region that no later region holds. Regions that have
            no value in common are side by side: between them the more probable one wins, whatever their order.
    """

    name: str
    regions: Mapping[str, tuple[int, ...]]
    file_values: Mapping[str, int] = field(default_factory=dict)
    paint: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fills what was left out and checks that the parts agree."""
        regions = {str(name): _as_values(values) for name, values in self.regions.items()}
        if not regions or any(not values for values in regions.values()):
            raise InputError(
                f"label scheme {self.name!r}: regions is {dict(regions)}; expected at least one region with values"
            )
        object.__setattr__(self, "regions", regions)
        object.__setattr__(self, "paint", {**_default_paint(self.name, regions, self.paint)})
        if not self.file_values:
            values = sorted({value for union in regions.values() for value in union})
            names = {value: region for region, value in self.paint.items()}
            object.__setattr__(self, "file_values", {names.get(value, f"value {value}"): value for value in values})
        unknown = {value for union in regions.values() for value in union} - set(self.file_values.values())
        if unknown or 0 in self.file_values.values():
            raise InputError(
                f"label scheme {self.name!r}: file_values is {dict(self.file_values)}; "
                f"expected every value of the regions {regions}, and not 0, which is background"
            )

    @property
    def region_names(self) -> tuple[str, ...]:
        """Region names in the order of the channels."""
        return tuple(self.regions)

    @property
    def rivals(self) -> tuple[tuple[int, int], ...]:
        """Pairs of channels (earlier, later) whose regions have no value in common: a voxel is in one of them only."""
        unions = [set(values) for values in self.regions.values()]
        pairs = combinations(range(len(unions)), 2)
        return tuple((one, other) for one, other in pairs if unions[one].isdisjoint(unions[other]))

    def around(self, region: str) -> str | None:
        """Returns the smallest other region that holds all values of `region`, None where there is none."""
        inner = set(self.regions[region])
        outer = [name for name, values in self.regions.items() if name != region and inner < set(values)]
        return min(outer, key=lambda name: len(self.regions[name]), default=None)

    @property
    def values(self) -> tuple[int, ...]:
        """Every value that a label file may hold, background 0 included, ascending."""
        return (0, *sorted(self.file_values.values()))

    @property
    def channel_def(self) -> dict[str, str]:
        """Label value (as text, since it goes to JSON) to tissue name, from "0", in the form of metadata.json."""
        return {"0": "background", **{str(v): n for n, v in sorted(self.file_values.items(), key=lambda item: item[1])}}


def _as_values(values: int | Sequence[int]) -> tuple[int, ...]:
    return (int(values),) if isinstance(values, int) else tuple(int(value) for value in values)


def _default_paint(name: str, regions: Mapping[str, tuple[int, ...]], given: Mapping[str, int]) -> dict[str, int]:
    if set(given) - set(regions):
        raise InputError(
            f"label scheme {name!r}: paint names {sorted(set(given) - set(regions))}; regions are {list(regions)}"
        )
    paint, order = {}, list(regions)
    for position, region in enumerate(order):
        inner = {value for later in order[position + 1 :] for value in regions[later]}
        own = [value for value in regions[region] if value not in inner]
        if region not in given and not own:
            raise InputError(
                f"label scheme {name!r}: region {region!r} lies wholly in later ones; list regions from the outside in"
            )
        paint[region] = int(given[region]) if region in given else own[0]
    return paint


def _brain(name: str, edema: int, core: int, enhancing: int, core_name: str) -> LabelScheme:
    return LabelScheme(
        name=name,
        regions={"WT": (edema, core, enhancing), "TC": (core, enhancing), "ET": (enhancing,)},
        file_values={"edema": edema, core_name: core, "enhancing tumour": enhancing},
    )


def _prostate(name: str, peripheral: int, transition: int) -> LabelScheme:
    return LabelScheme(
        name=name,
        regions={"PZ": (peripheral,), "TZ": (transition,)},  # channels of one meaning, however a set numbers its zones
        file_values={"peripheral zone": peripheral, "transition zone": transition},
    )


_NAMED: dict[str, LabelScheme] = {
    "msd": _brain("msd", 1, 2, 3, "non-enhancing tumour"),
    "brats": _brain("brats", 2, 1, 4, "necrotic and non-enhancing tumour"),
    "brats2023": _brain("brats2023", 2, 1, 3, "necrotic tumour core"),
    "msd_prostate": _prostate("msd_prostate", 1, 2),
    "prostate158": _prostate("prostate158", 2, 1),
    "kits19": LabelScheme("kits19", {"kidney": (1, 2), "tumour": (2,)}, {"kidney": 1, "tumour": 2}),
    "msd_heart": LabelScheme("msd_heart", {"left atrium": (1,)}),
    "msd_lung": LabelScheme("msd_lung", {"cancer": (1,)}),
    "msd_spleen": LabelScheme("msd_spleen", {"spleen": (1,)}),
}


def label_scheme(scheme: str | LabelScheme | Mapping[str, Any]) -> LabelScheme:
    """Returns the scheme called `scheme`, or the one described by it.

    Args:
        scheme: "msd", "brats", "brats2023", "msd_prostate", "prostate158", "kits19", or "msd_heart", "msd_lung" or
            "msd_spleen" (Decathlon tasks 2, 6 and 9); a ready `LabelScheme`; or a mapping with its attributes, such as
            `{"name": "lesion", "regions": {"lesion": [1]}}`.

    Raises:
        InputError: the name is not known, or the description is not one of a scheme.
    """
    if isinstance(scheme, LabelScheme):
        return scheme
    if isinstance(scheme, Mapping):
        known = {entry.name for entry in fields(LabelScheme)}
        if set(scheme) - known or "regions" not in scheme or not isinstance(scheme["regions"], Mapping):
            raise InputError(
                f"label_scheme has {sorted(scheme)}; expected `regions` (a mapping of names to lists of values) "
                f"and none but {sorted(known)}"
            )
        return LabelScheme(**{"name": "custom", **scheme})
    if scheme not in _NAMED:
        near = difflib.get_close_matches(str(scheme).strip().lower(), _NAMED, n=1, cutoff=0.0)[0]
        raise InputError(f"label_scheme {scheme!r} is not known; did you mean {near!r}? (known: {', '.join(_NAMED)})")
    return _NAMED[scheme]
