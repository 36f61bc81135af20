"""Steps that are done once: a step whose settings did not change is reused."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import segpeft
from segpeft.errors import InputError

from .json_files import read_json, write_json
from .process import last_line, run_logged


@dataclass(frozen=True)
class Step:
    """One command of several.

    Args:
        name: what a person reads.
        command: arguments after ``python``: ``-m``, a module and what it is given.
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
    known = read_json(record)
    if known.get("fingerprint") == key and step.result.exists():
        print(f"{step.name}: reused, {_relative(step.result)} ({known['seconds']:.0f} s when it was made)", flush=True)
        return float(known["seconds"])
    print(f"{step.name} ...", end=" ", flush=True)
    log = out / "logs" / f"{step.name.replace(' ', '_')}.log"
    start = time.monotonic()
    code = run_logged(step.command, step.folder, log)
    seconds = time.monotonic() - start
    if code:
        raise InputError(f"{step.name} failed: {last_line(log)} (all of it in {_relative(log)})")
    print(f"{seconds:.0f} s", flush=True)
    write_json(record, {"fingerprint": key, "seconds": seconds})
    return seconds


def _relative(path: Path) -> str:
    return os.path.relpath(path)
