"""The bundles that new ones are made from: those of the repository, or those installed beside the package."""

from __future__ import annotations

import sys
from pathlib import Path

import segpeft
from segpeft.errors import InputError

TEMPLATES = {"channel_lora": "brats_lora", "med_tuning": "kits_medtuning"}
PRETRAINING = "vit_mae"


def template_root(said: Path | None = None) -> Path:
    """Returns the folder of the template bundles.

    Args:
        said: by a person; None looks in the repository, then in what an installation put under `share`.

    Raises:
        InputError: they are not there.
    """
    repository = Path(segpeft.__file__).resolve().parents[2] / "bundles"
    places = [said] if said else [repository, Path(sys.prefix) / "share" / "segpeft" / "bundles"]
    needed = [*TEMPLATES.values(), PRETRAINING]
    for place in places:
        if all((place / name / "configs" / "train.json").is_file() for name in needed):
            return place
    raise InputError(
        f"no bundles {', '.join(needed)} in {' or '.join(map(str, places))}; name their folder by --template"
    )
