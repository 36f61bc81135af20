"""Building what a training builds, as far as it needs no data: a value that cannot be shows here, in one line."""

from __future__ import annotations

from collections.abc import Iterator

from monai.bundle import ConfigParser
from torch import nn

from segpeft.config_entry import built
from segpeft.errors import InputError
from segpeft.finding import ERROR, Finding

from .bundle_config import BundleConfig

PARTS = (
    "network_def",
    "loss",
    "cases",
    "volumes",
    "preprocessing",
    "augmentation",
    "train#preprocessing",
    "train#dataset",
    "train#inferer",
    "validate#preprocessing",
    "validate#dataset",
    "validate#inferer",
    "validate#key_metric",
)
"""Entries of a training's config that are built without opening a file and without the weights of the network."""


class Construction:
    """Builds the parts one by one and keeps what was built.

    Args:
        config: of the bundle.
    """

    def __init__(self, config: BundleConfig) -> None:
        self.config = config
        self.parser: ConfigParser = config.parser()
        self.network: nn.Module | None = None

    def check(self) -> Iterator[Finding]:
        """Yields what cannot be built; the same reason is told once."""
        told: set[str] = set()
        for part in PARTS:
            if part.partition("#")[0] not in self.config.merged or not _has(self.config, part):
                continue
            try:
                made = built(self.parser, part)
            except InputError as error:
                if str(error) not in told:
                    yield Finding("knobs", str(error), ERROR, part)
                told.add(str(error))
                continue
            if part == "network_def":
                self.network = made


def _has(config: BundleConfig, part: str) -> bool:
    item = config.merged
    for name in part.split("#"):
        if not isinstance(item, dict) or name not in item:
            return False
        item = item[name]
    return True
