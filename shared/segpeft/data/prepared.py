"""The training data set: deterministic preprocessing once, to memory maps, and random transforms at every access."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Transform
from monai.transforms.traits import RandomizableTrait
from torch.utils.data import Dataset

from segpeft.data.crops import RandBalancedCropd
from segpeft.data.describe import digest
from segpeft.data.prepare import prepare_cases
from segpeft.data.prepared_case import INDICES, open_case
from segpeft.errors import InputError

FORMAT = 3
"""Raised whenever the same transforms would put other bytes on disk."""


class PreparedDataset(Dataset[Any]):
    """Cases preprocessed once by the deterministic transforms, then cropped and augmented anew at every access.

    `prepare` runs everything up to the first random transform and writes each case as memory-mappable `.npy` arrays to
    `<cache_dir>/<digest of the transforms>/<case>-<digest>`: the image in `dtype`, masks as uint8, and the indices that
    `RandBalancedCropd` draws its centres from. A case is prepared anew when one of its files changed (size or time);
    other transforms or knobs have a folder of their own. 240 x 240 x 155 x 4 takes about 28 MB as float16.

    Random transforms are seeded by (seed of the pass, index) at every access: what a case looks like depends neither on
    the number of workers nor on what was loaded before, so a resumed run repeats it. `CaseLoader` gives each pass a
    seed from torch's generator.

    Without random transforms the items are whole cases, as `MetaTensor` with the affine of the preprocessed grid.

    Args:
        data: dictionaries with "image" (and "label", "case"); touched first by `len` or `prepare`.
        transform: a `Compose` (nested ones are flattened) or a list.
        cache_dir: folder for prepared cases, shared by folds and runs. None is refused when the run starts, not
            replaced by a temporary folder: a BraTS-sized set takes 14 GB, and a person should say where.
        dtype: "float16" or "float32", of the image on disk; items are float32.
        workers: processes that prepare.
        progress: show a progress bar while preparing.

    Raises:
        InputError: `dtype` is another one.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Compose | Sequence[Callable[..., Any]],
        cache_dir: str | Path | None,
        dtype: str = "float16",
        workers: int = 2,
        progress: bool = True,
    ) -> None:
        if dtype not in ("float16", "float32"):
            raise InputError(f"dtype is {dtype!r}; expected 'float16' or 'float32'")
        self.data, self.cache_dir, self.dtype = data, cache_dir, dtype
        self.workers, self.progress, self.seed = workers, progress, 0
        steps = (transform if isinstance(transform, Compose) else Compose(list(transform))).flatten().transforms
        first = next((i for i, step in enumerate(steps) if _is_random(step)), len(steps))
        self.deterministic, self.random = Compose(steps[:first]), Compose(steps[first:])
        self._digest = digest([FORMAT, dtype, self.deterministic.transforms])  # now: transforms change in use
        self._folders: list[Path] | None = None

    def __len__(self) -> int:
        return len(self.data)

    def set_random_state(self, seed: int) -> None:
        """Sets the seed of the random transforms until the next call (MONAI's `set_rnd` looks for this name)."""
        self.seed = int(seed)

    @property
    def folder(self) -> Path:
        """Where these transforms keep their cases.

        Raises:
            InputError: `cache_dir` is None.
        """
        if self.cache_dir is None:
            raise InputError(
                "cache_dir is not set; expected a folder for the preprocessed cases (2 bytes a voxel in float16)"
            )
        return Path(self.cache_dir).expanduser() / self._digest

    def prepare(self, workers: int | None = None) -> None:
        """Prepares the cases that are not on disk yet; called when a run starts.

        Under DDP the engines let rank 0 go first, and the others find its work. Processes that prepare at the same time
        do no harm, only the same work.

        Args:
            workers: processes; None: as given to the constructor; 0: this one.

        Raises:
            InputError: no `cache_dir`, or cases that cannot be used (all of them are listed, one line each).
        """
        self._folders = prepare_cases(self, self.workers if workers is None else workers)

    def __getitem__(self, index: int) -> Any:
        """Returns the random transforms' result for case `index`: a dictionary, or a list of them (several crops).

        Raises:
            RuntimeError: `prepare` was not called.
        """
        if self._folders is None:
            raise RuntimeError("PreparedDataset.prepare() must run before items are read")
        case = open_case(self._folders[index])
        affine = case.pop("affine")
        if not self.random.transforms:
            return _whole(case, affine)
        seed = np.random.SeedSequence([self.seed, int(index)]).generate_state(1)[0]
        self.random.set_random_state(seed=int(seed))
        if not isinstance(self.random.transforms[0], RandBalancedCropd):
            case = _whole(case, affine)
        return _plain(self.random(case))


def _is_random(step: Any) -> bool:
    return isinstance(step, RandomizableTrait) or not isinstance(step, Transform)


def _whole(case: Mapping[str, Any], affine: Any) -> dict[str, Any]:
    kept = {name: value for name, value in case.items() if name not in INDICES}
    return {name: _tensor(value, affine) if isinstance(value, np.ndarray) else value for name, value in kept.items()}


def _tensor(array: Any, affine: Any) -> MetaTensor:
    return MetaTensor(torch.from_numpy(np.array(array, dtype=np.float32)), affine=torch.as_tensor(affine))


def _plain(result: Any) -> Any:
    """Strips meta data, which a random crop does not need: it costs more to collate and to send than the values."""
    if isinstance(result, list):
        return [_plain(item) for item in result]
    return {k: v.as_tensor() if isinstance(v, MetaTensor) else v for k, v in result.items()}
