"""Steps that are done once: a step whose settings did not change is reused."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segpeft
from segpeft.errors import InputError


@dataclass(frozen=True)
class Step:
    """One command of the demonstration.

    Args:
        name: what a person reads.
        command: arguments after ``python``.
        folder: where it runs.
        inputs: files whose content decides whether the step must run again.
        result: a file that the step leaves.
    """

    name: str
    command: Sequence[str]
    folder: Path
    inputs: Sequence[Path]
    result: Path


def fingerprint(step: Step) -> str:
    """Returns a digest of the command, the content of its inputs and the version of the package."""
    digest = hashlib.sha256(json.dumps([segpeft.__version__, *step.command]).encode())
    for path in step.inputs:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run_step(step: Step, out: Path) -> float:
    """Runs a step, or says that it is reused; returns the seconds that its run took, now or then.

    Its output goes to ``<out>/logs/<name>.log``.

    Raises:
        InputError: if the command fails, with the last line of its output.
    """
    record = out / "steps" / f"{step.name.replace(' ', '_')}.json"
    key = fingerprint(step)
    known = _read(record)
    if known.get("fingerprint") == key and step.result.exists():
        print(f"{step.name}: reused, {_relative(step.result)} ({known['seconds']:.0f} s when it was made)", flush=True)
        return float(known["seconds"])
    print(f"{step.name} ...", end=" ", flush=True)
    log = out / "logs" / f"{step.name.replace(' ', '_')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(
            [sys.executable, *step.command], cwd=step.folder, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    seconds = time.monotonic() - start
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"]
        raise InputError(f"{step.name} failed: {lines[-1]} (all of it in {_relative(log)})")
    print(f"{seconds:.0f} s", flush=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"fingerprint": key, "seconds": seconds}) + "\n", encoding="utf-8")
    return seconds


def bundle_command(run_id: str, configs: Sequence[str], overrides: Mapping[str, Any]) -> list[str]:
    """Returns the arguments of ``python -m monai.bundle run`` for a bundle's configs and overrides."""
    files = "[" + ",".join(f"'configs/{name}'" for name in configs) + "]"
    command = ["-m", "monai.bundle", "run", run_id, "--config_file", files]
    for name, value in overrides.items():
        command += [f"--{name}", str(value)]
    return command


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _relative(path: Path) -> str:
    return os.path.relpath(path)
