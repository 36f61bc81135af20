"""Puts measured figures into the README and a model card between their marks: ``python -m benchmarks.readme``.

No figure there is typed by hand: each block is made from a committed file under ``benchmarks/results``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from segpeft.experiments.table import score_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FILLED = (ROOT / "README.md", ROOT / "bundles" / "vit_mae" / "docs" / "README.md")


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


def experiment(name: str) -> str:
    """Returns the first table of an experiment, its Dice by configuration, and the machine."""
    results = _read(f"{name}/results.json")
    machines = {f"{one['cpu']}, {one['cores']} cores, torch {one['torch']}" for one in results["machines"]}
    return f"{score_table(results['rows'], 'dice')}\n\n{'; '.join(sorted(machines))}."


def mae_stream() -> str:
    """Returns what the first batches of a stream of half a million names took, the slowest process of each run."""
    found = _read("mae_stream.json")
    lines = ["| set | processes | first batch (s) | of epoch 40 (s) | resident before (MB) | after 52 batches (MB) |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for run in found["reading"]:
        most = {key: max(rank[key] for rank in run["ranks"]) for key in run["ranks"][0] if key != "rank"}
        lines.append(f"| {run['set']} | {run['processes']} | {' | '.join(map(str, most.values()))} |")
    machine = found["machine"]
    note = "The slowest process of each row; no workers, batches of 8 crops of 32^3"
    return "\n".join([*lines, "", f"{note}; {machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}."])


def table(name: str) -> str:
    """Returns the table of a result that is one table below a title."""
    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    return text.split("\n", 2)[2].strip()


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": demo,
    "bench": bench,
    "channel_lora_brats": partial(experiment, "channel_lora_brats"),
    "channel_lora_hippocampus": partial(experiment, "channel_lora_hippocampus"),
    "missing_modality": partial(table, "missing_modality"),
    "ensemble": partial(table, "ensemble"),
    "mae_stream": mae_stream,
}


def filled(text: str) -> str:
    """Returns ``text`` with every block between ``<!-- name -->`` and ``<!-- /name -->`` made anew."""
    for name, block in BLOCKS.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = mark.sub(lambda found, block=block: f"{found[1]}{block()}\n{found[2]}", text)  # type: ignore[misc]
    return text


def _read(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / name).read_text(encoding="utf-8")))


def main() -> None:
    """Rewrites the files."""
    for path in FILLED:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
