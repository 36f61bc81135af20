"""What the doctor finds: ten planted faults, faults planted at random, and clean sets, real ones where they are given.

``python -m benchmarks.doctor [--hippocampus DIR] [--open_ms DIR]`` writes ``benchmarks/results/doctor.json`` and
``.md``. Without the real sets their rows are left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.open_ms import DATA, LABELLED
from segpeft.bundle.json_files import write_json
from segpeft.data.datalist import find_cases
from segpeft.data.phantoms.__main__ import PHANTOMS
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.settings import Settings
from segpeft.data.survey import look_at
from segpeft.doctor.checkup import Asked, checkup
from segpeft.doctor.dataset import check_looks
from segpeft.doctor.expected import Expected, expected_by_set
from segpeft.doctor.looking import look
from segpeft.doctor.table import findings_table
from segpeft.errors import one_line_errors
from segpeft.finding import NOTE, Finding
from segpeft.machine import machine

from .planted import judged, plant
from .power import power_rows
from .tables import written

RESULTS = Path(__file__).parents[1] / "results" / "doctor.json"
SETS = {
    "brain": Settings(cases=24, shape=(48, 48, 48), seed=1, layout="msd"),
    "prostate": Settings(cases=24, shape=(64, 64, 24), seed=1, layout="msd"),
    "kidneys": Settings(cases=16, shape=(64, 64, 40), seed=1, layout="kits"),
}
PLANTS = 12


def main() -> None:
    """Builds the sets, lets the doctor look at them, writes what it said."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hippocampus", type=Path, metavar="DIR", help="Task04 of the Decathlon")
    parser.add_argument("--open_ms", type=Path, metavar="DIR", help="the patients of the open MS data")
    parser.add_argument("--plants", type=int, default=PLANTS, metavar="N", help=f"of each kind ({PLANTS})")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE", help="the JSON file; a table goes beside")
    asked = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        result = {"machine": machine(), **_ten_faults(Path(place) / "planted"), **_clean(Path(place), asked)}
    result["seconds"] = round(time.monotonic() - start)
    write_json(asked.out, result)
    asked.out.with_suffix(".md").write_text(written(result), encoding="utf-8")
    print(written(result))


def _ten_faults(folder: Path) -> dict[str, Any]:
    plant(folder)
    findings = [_placeless(finding, folder) for finding in checkup(Asked(None, folder))]
    return {**judged(findings), "transcript": findings_table(findings)}


def _placeless(finding: Finding, folder: Path) -> Finding:
    """Returns a finding without the place at which the set happened to be written."""
    return replace(finding, text=finding.text.replace(f"{folder.parent}/", ""))


def _clean(place: Path, asked: argparse.Namespace) -> dict[str, Any]:
    rows, clean = [], {}
    for name, settings in SETS.items():
        folder = place / name
        list(write_dataset(PHANTOMS[name], folder, settings))
        channels = PHANTOMS[name].modality
        rows += _judged(f"{name} phantoms", folder, Expected(channels), clean, asked.plants)
    if asked.hippocampus:
        expected = expected_by_set(asked.hippocampus)
        rows += _judged("Task04 hippocampus", asked.hippocampus, expected, clean, asked.plants)
    if asked.open_ms:
        files = {"channel_files": DATA["channel_files"], "label_file": LABELLED["label_file"]}
        _judged("open MS", asked.open_ms, Expected(**files), clean, plants=0)
    return {"clean sets": clean, "power": rows}


def _judged(name: str, folder: Path, expected: Expected, clean: dict[str, Any], plants: int) -> list[dict[str, Any]]:
    """Notes in `clean` what is claimed of a set, and returns its rows of what was planted."""
    cases = find_cases(folder, expected.channels, expected.channel_files, expected.label_file)
    looks = list(look_at(cases, look))
    claims = [finding for finding in check_looks(looks, expected) if finding.severity > NOTE]
    clean[name] = {"cases": len(cases), "claims": [f"{claim.subject}: {claim.text}" for claim in claims]}
    print(f"{name}: {clean[name]}", flush=True)
    return power_rows(name, cases, looks, expected.channels, plants) if plants else []


if __name__ == "__main__":
    main()
