"""The round trip of every bundle on a real server, and what a server of two bundles endures.

``python -m benchmarks.monai_label --label-env DIR`` starts the server of the environment ``DIR``
(``docs/monai-label.md``) for each bundle that segments: it infers phantoms that lie in their files in several ways,
checks each label against the truth and against the bundle's own inference, submits labels, scores, trains one epoch and
infers again. ``--soak`` asks one server of two bundles for 200 inferences in a row and then by 8 clients at once.
``--packed`` serves what ``python -m segpeft.bundle pack`` makes of the bundles, in the soak each with another version
of segpeft. The networks are trained first, on the CPU, in minutes.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from segpeft.bundle.json_files import read_json, write_json
from segpeft.errors import InputError, one_line_errors
from segpeft.machine import machine

from .round_trip import round_trip
from .server import LABEL_ENV, python_of
from .soak import soak
from .subjects import BRATS, KITS, SUBJECTS
from .transcript import transcript

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Runs what is asked for, and writes the figures and the transcript."""
    one_line_errors()
    arguments = _parser().parse_args()
    if arguments.label_env is None:
        raise InputError(f"--label-env is not given; expected the environment of docs/monai-label.md (or {LABEL_ENV})")
    python, work = python_of(arguments.label_env), arguments.work.resolve()
    results, packed = read_json(arguments.out), arguments.packed
    kinds = ("round_trips_packed", "soak_packed") if packed else ("round_trips", "soak")
    for bundle in arguments.bundles if not arguments.soak else ():
        found = round_trip(SUBJECTS[bundle], python, work, packed)
        _note(results, kinds[0], {bundle: found}, arguments.out)
    if arguments.soak:
        found = soak([BRATS, KITS], python, work, arguments.calls, packed=packed)
        _note(results, kinds[1], found, arguments.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get(LABEL_ENV)
    parser.add_argument("--label-env", type=Path, default=Path(default) if default else None, help="with MONAI Label")
    parser.add_argument("--bundles", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="default: all")
    parser.add_argument("--soak", action="store_true", help="the second part instead of the first")
    parser.add_argument("--packed", action="store_true", help="packed bundles, in a server that has no segpeft")
    parser.add_argument("--calls", type=int, default=200, help="inferences in a row (default: 200)")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "monai_label", help="where files go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "monai_label.json")
    return parser


def _note(results: dict[str, Any], part: str, found: dict[str, Any], out: Path) -> None:
    """Adds a part to the figures of earlier runs, each with the machine that it ran on."""
    known = results.get(part, {}) if part.startswith("round_trips") else {}
    results[part] = {**known, **found, "machine": machine()}
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, results)
    out.with_suffix(".md").write_text(transcript(results), encoding="utf-8")
    print(f"{part}: written to {out}", flush=True)


if __name__ == "__main__":
    main()
