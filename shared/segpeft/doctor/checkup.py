"""The order of the checks: environment, bundle, machine, data, step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segpeft.data.survey import CaseFacts
from segpeft.errors import InputError
from segpeft.finding import NOTE, Finding

from .bundle_config import BundleConfig
from .construction import Construction
from .dataset import check_dataset
from .environment import check_bundle_versions, check_environment
from .expected import Expected, asked_for, expected_by_bundle, expected_by_set
from .knobs import check_knobs
from .resources import check_disk, check_resources
from .step_cost import check_step

DATA_KNOBS = (
    "channels",
    "channel_files",
    "label_file",
    "label_scheme",
    "allow_missing",
    "resample_channels",
    "intensity",
)
RUN_KNOBS = ("amp", "num_workers", "cache_dir", "output_dir", "dataset_dir")
STEP_KNOBS = ("image_size", "channels", "batch_size", "crops_per_case", "amp")


@dataclass(frozen=True)
class Asked:
    """What a person wants to know.

    Attributes:
        bundle: None: only the environment and the data.
        dataset_dir: None: that of the bundle, if it is there.
        given: what the data should be, as the command line says: arguments of `asked_for`.
        workers: processes that read cases.
        quick: measure no step.
    """

    bundle: BundleConfig | None
    dataset_dir: Path | None
    given: Mapping[str, Any] = field(default_factory=dict)
    workers: int = 0
    quick: bool = False


def checkup(asked: Asked) -> Iterator[Finding]:
    """Yields what is to say.

    Raises:
        InputError: what the data should be is not understood.
    """
    yield from check_environment()
    if asked.bundle is None:
        yield from check_resources({})
        if asked.dataset_dir:
            yield from _data(asked, asked.dataset_dir, expected_by_set(asked.dataset_dir))
        return
    config, construction = asked.bundle, Construction(asked.bundle)
    yield from check_bundle_versions(config.folder)
    yield from check_knobs(config)
    yield from construction.check()
    runs = values(config, RUN_KNOBS)
    yield from check_resources(runs)
    place = asked.dataset_dir or Path(str(runs.get("dataset_dir") or ""))
    if asked.dataset_dir or place.exists() and runs.get("dataset_dir"):
        facts = yield from _data(asked, place, expected_by_bundle(values(config, DATA_KNOBS)))
    else:
        facts = []
        yield Finding("data set", f"{place}: is not there; name one by --dataset_dir to have it checked", NOTE)
    yield from check_disk(runs, facts)
    if construction.network is not None:
        knobs = {**values(config, STEP_KNOBS), "optimizer": config.merged.get("optimizer")}
        yield from check_step(construction.network, knobs, asked.quick)


def values(config: BundleConfig, names: tuple[str, ...]) -> dict[str, Any]:
    """Returns the values of the knobs that the bundle has and that can be evaluated; the others are told elsewhere."""
    found = {}
    for name in names:
        try:
            value = config.content(name)
        except InputError:
            continue
        if value is not None:
            found[name] = value
    return found


def _data(asked: Asked, place: Path, expected: Expected) -> Generator[Finding, None, list[CaseFacts]]:
    return (yield from check_dataset(place, asked_for(expected, **asked.given), asked.workers))
