"""The command line of a bundle's run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def bundle_command(run_id: str, configs: Sequence[str | Path], overrides: Mapping[str, Any]) -> list[str]:
    """Returns the arguments of ``python -m monai.bundle run``, to be run inside the bundle's folder.

    Args:
        run_id: of the expression to run, ``training`` for example.
        configs: the bundle's config files by name, and files elsewhere as absolute paths; later ones win.
        overrides: knobs and their values, which the command line reads as Python literals where they are such.
    """
    files = ",".join(repr(str(name) if Path(name).is_absolute() else f"configs/{name}") for name in configs)
    command = ["-m", "monai.bundle", "run", run_id, "--config_file", f"[{files}]"]
    for name, value in overrides.items():
        command += [f"--{name}", str(value)]
    return command
