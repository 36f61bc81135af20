"""The network of a bundle, by MONAI's own tools, in a process of its own and from another folder."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segpeft.errors import InputError
from segpeft.finding import NOTE, Finding

from . import inside

NOT_SCRIPTED = {
    "swin": "MONAI's SwinTransformer does not compile in TorchScript (PatchEmbed has code for volumes in it)",
}
"""Kinds of encoder that the check by TorchScript leaves out, as the zoo's own list of exclusions does, and why."""


def check_network(folder: Path) -> Iterator[Finding]:
    """Checks properties, weights, loading, shapes and TorchScript export.

    Raises:
        InputError: the checks ended without a result.
    """
    if not (folder / "models" / "model.pt").is_file() or not (folder / "configs" / "inference.json").is_file():
        yield Finding("network", "not checked: files are missing", NOTE)
        return
    checks = list(inside.CHECKS)
    patches = _entry(folder, "metadata", "network_data_format", "outputs", "pred", "format") == "patches"
    checks.remove("shapes" if patches else "first_output")
    if patches:
        yield Finding("shapes", "done without MONAI's tool: the network gives patches and a mask, not one tensor", NOTE)
    if reason := NOT_SCRIPTED.get(str(_entry(folder, "inference", "encoder", "kind"))):
        checks.remove("script")
        yield Finding("script", f"left out: {reason}", NOTE)
    for result in _results(folder.resolve(), checks):
        for problem in result["problems"]:
            yield Finding(result["check"], problem)


def _entry(folder: Path, config: str, *names: str) -> Any:
    found = json.loads((folder / "configs" / f"{config}.json").read_text(encoding="utf-8"))
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _results(folder: Path, checks: list[str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as elsewhere:
        command = [sys.executable, str(Path(inside.__file__).resolve()), str(folder), *checks]
        ended = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    results = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"check"')]
    if len(results) != len(checks):
        said = (ended.stderr.strip().splitlines() or ["no output"])[-1]
        raise InputError(f"{folder.name}: the check {checks[len(results)]} ended without a result ({said[:200]})")
    return results
