"""The experiment's tables as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segpeft.engines.case_table import ALL
from segpeft.markdown import markdown_table

from .grid import VARIANT

NOTE = (
    "Scores: mean over cases ± standard deviation over seeds; in brackets the 95 % bootstrap interval over cases "
    "(each case averaged over seeds). Seconds and peak memory are those of training; cells that were interrupted and "
    "resumed do not count for the seconds. A step (median) is forward, backward and update without loading."
)
FULL = ("full", "finetune")
"""What full fine-tuning is called in grids."""
COMPARISON_NOTE = (
    "Two-sided Wilcoxon signed-rank test on the cases of both rows (each averaged over seeds); Holm's correction over "
    "all pairs. A difference that does not exceed the spread over seeds of both rows says nothing about the methods."
)


def markdown(results: Mapping[str, Any]) -> str:
    """Returns the tables: scores by metric, the first also by variant, parameters and costs, comparisons, the machine.

    Args:
        results: the content of ``results.json``.
    """
    rows, done = results["rows"], bool(results["rows"])
    parts = [f"# {results['name']}", results["about"], _missing(results), f"Command: `{results['command']}`"]
    for index, metric in enumerate(results["metrics"] if done else ()):
        parts += [f"## {metric}", score_table(rows, metric)]
        parts += [NOTE, variant_table(rows, metric)] if not index else []
    if done:
        parts += ["## Parameters and costs", cost_table(rows), relative_table(rows)]
    if results["comparisons"]:
        title = f"## Differences of {results['metrics'][0]}, mean of the regions"
        parts += [title, _comparison_table(results["comparisons"]), COMPARISON_NOTE]
    if done:
        parts += ["## Measured on", "\n".join(f"- {_machine(one)}" for one in results["machines"])]
        parts += [f"Finished {results['finished']}, segpeft {results['segpeft']}."]
    return "\n\n".join(part for part in parts if part) + "\n"


def _missing(results: Mapping[str, Any]) -> str:
    failed = [f"- {cell['configuration']}, seed {cell['seed']}: {cell['error']}" for cell in results["failed"]]
    pending = [f"- {cell['configuration']}, seed {cell['seed']}: not run" for cell in results["pending"]]
    return "\n".join(["**Not complete:**", "", *failed, *pending]) if failed or pending else ""


def score_table(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Returns a line a configuration: the metric in every region and in their mean.

    Args:
        rows: of ``results.json``.
        metric: one of its metrics.
    """
    regions = [region for region in rows[0]["scores"][metric] if region != ALL]
    lines = []
    for row in rows:
        scores = row["scores"][metric]
        line = [row["configuration"], *(_score(scores[region]) for region in regions)]
        mean = f"{_score(scores[ALL])} {_interval(scores[ALL]['interval'])}".strip()
        lines.append([*line, mean, row["cases"], len(row["seeds"])])
    return markdown_table(["configuration", *regions, "mean of regions", "cases", "seeds"], lines, texts=1)


def variant_table(rows: Sequence[Mapping[str, Any]], metric: str) -> str:
    """Returns the mean of the regions with a line a configuration and a column a variant, "" without variants."""
    scores = {tuple(row["configuration"].split(VARIANT)): row["scores"][metric][ALL] for row in rows}
    if any(len(names) != 2 for names in scores):
        return ""
    configurations, variants = (list(dict.fromkeys(names[i] for names in scores)) for i in (0, 1))
    lines = []
    for configuration in configurations:
        found = [scores.get((configuration, variant)) for variant in variants]
        lines.append([configuration, *("–" if score is None else _score(score) for score in found)])
    return markdown_table(["mean of regions", *variants], lines, texts=1)


def cost_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns a line a configuration: parameters, and what training it took."""
    lines = []
    for row in rows:
        total, trainable = row["parameters"]["total"], row["parameters"]["trainable"]
        memory = "–" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**30:.2f} GiB ({row['memory']})"
        seconds = "–" if row["seconds"] is None else f"{row['seconds']:.0f}"
        counts = [f"{total:,}", f"{trainable:,}", f"{total - trainable:,}", f"{trainable / total:.1%}"]
        lines.append([row["configuration"], *counts, seconds, _step(row), _saved(row), memory])
    head = ["configuration", "total", "trainable", "frozen", "share trained", "seconds", "seconds a step"]
    head += ["saved for backward", "peak memory"]
    return markdown_table(head, lines, texts=1)


def relative_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns steps, saved bytes and adapter files relative to full fine-tuning, if that is among the rows."""
    full = next((row for row in rows if row["configuration"] in FULL), None)
    if full is None:
        return ""
    lines = []
    for row in rows:
        ratios = [_ratio(row.get(name), full.get(name)) for name in ("seconds_per_step", "saved_bytes")]
        sizes = row.get("adapter_bytes") or {}
        files = [f"{sizes[group] / 1e6:.3f}" if sizes else "–" for group in ("backbone_peft", "task_head")]
        lines.append([row["configuration"], *ratios, *files])
    head = ["configuration", f"step / {full['configuration']}", f"saved / {full['configuration']}"]
    return markdown_table([*head, "adapters on disk (MB)", "decoder on disk (MB)"], lines, texts=1)


def _ratio(value: float | None, other: float | None) -> str:
    return f"{value / other:.2f}" if value and other else "–"


def _step(row: Mapping[str, Any]) -> str:
    return f"{row['seconds_per_step']:.3f}" if row.get("seconds_per_step") else "–"


def _saved(row: Mapping[str, Any]) -> str:
    return f"{row['saved_bytes'] / 1e6:.0f} MB" if row.get("saved_bytes") else "–"


def _comparison_table(pairs: Sequence[Mapping[str, Any]]) -> str:
    head = ["first", "second", "first − second", "cases", "p", "p (Holm)", "beyond the spread of seeds"]
    answers = {True: "yes", False: "no", None: "unknown"}
    lines = [
        [
            pair["first"],
            pair["second"],
            f"{pair['difference']:+.3f} {_interval(pair['interval'], '+')}",
            pair["n"],
            f"{pair['p']:.3g}",
            f"{pair['p_holm']:.3g}",
            answers[pair["beyond_spread"]],
        ]
        for pair in pairs
    ]
    return markdown_table(head, lines, texts=1)


def _score(score: Mapping[str, Any]) -> str:
    if score["mean"] is None:
        return "–"
    return f"{score['mean']:.3f}" + ("" if score["spread"] is None else f" ± {score['spread']:.3f}")


def _interval(interval: Sequence[float] | None, sign: str = "") -> str:
    return "" if interval is None else f"[{interval[0]:{sign}.3f}, {interval[1]:{sign}.3f}]"


def _machine(machine: Mapping[str, Any]) -> str:
    gpu = f", {machine['gpu']}" if machine["gpu"] else ""
    versions = f"Python {machine['python']}, torch {machine['torch']}, MONAI {machine['monai']}"
    return f"{machine['cpu']}, {machine['cores']} cores{gpu}; {machine['system']}; {versions}"
