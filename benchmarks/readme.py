"""Puts measured figures into README.md between their marks: ``python -m benchmarks.readme``.

Nothing in the README is typed by hand: each block is made from a committed file under ``benchmarks/results``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def demo() -> str:
    """Returns the demonstration's scores as a table."""
    found = _read("demo.json")
    lines = ["| region | Dice | HD95 (mm) | n |", "| --- | --- | --- | --- |"]
    for region, dice in found["scores"]["dice"].items():
        lines.append(f"| {region} | {dice['mean']:.3f} | {found['scores']['hd95'][region]['mean']:.1f} | {dice['n']} |")
    counts, machine = found["parameters"], found["machine"]
    lines += [
        "",
        f"{counts['trainable']:,} of {counts['total']:,} parameters trained, {counts['backbone_peft']:,} of them in "
        f"the encoder; {sum(found['seconds'].values()):.0f} s in all, {found['peak_host_gib']:.2f} GiB at the peak "
        f"({machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}).",
    ]
    return "\n".join(lines)


def bench() -> str:
    """Returns the targets of ``make bench`` with what was measured."""
    parts = _read("channel_lora_step.json")
    lines = ["| what | measured | asked |", "| --- | --- | --- |"]
    for part in parts.values():
        for target in part["targets"]:
            sign = ">=" if target["at_least"] else "<="
            missed = "" if target["met"] else " (missed)"
            lines.append(f"| {target['name']} | {target['value']:.3g}{missed} | {sign} {target['bound']:g} |")
    machine = next(iter(parts.values()))["machine"]
    lines += ["", f"{machine['processor']}, {machine['threads']} thread, torch {machine['torch']}."]
    return "\n".join(lines)


def experiment() -> str:
    """Returns the first table of ``make experiment``, the mean Dice of each configuration."""
    text = (RESULTS / "brats_phantom" / "table.md").read_text(encoding="utf-8")
    lines = text[text.index("\n|") + 1 :].splitlines()
    return "\n".join(lines[: next(i for i, line in enumerate([*lines, ""]) if not line.startswith("|"))])


BLOCKS: dict[str, Callable[[], str]] = {"demo": demo, "bench": bench, "experiment": experiment}


def filled(text: str) -> str:
    """Returns ``text`` with every block between ``<!-- name -->`` and ``<!-- /name -->`` made anew."""
    for name, block in BLOCKS.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = mark.sub(lambda found, block=block: f"{found[1]}{block()}\n{found[2]}", text)  # type: ignore[misc]
    return text


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / name).read_text(encoding="utf-8")))


def main() -> None:
    """Rewrites README.md."""
    path = ROOT / "README.md"
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
