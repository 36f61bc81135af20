"""What was trained, and what it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..content import Content
from ..html import Html, joined
from ..tables import facts
from .section import Section

Run = Mapping[str, Any]


def cost(content: Content) -> Section:
    """Returns parameter counts, times and memory."""
    runs = [evaluation.run for evaluation in content.evaluations]
    found = [content.trainings[name] for name in content.names]
    trainings = [{} if training is None else training.run for training in found]
    rows = [
        ("parameters", runs, _count("total")),
        ("trained", runs, _trained),
        ("of these in the encoder", runs, _count("backbone_peft")),
        ("of these in the head", runs, _count("task_head")),
        ("training: time", trainings, lambda run: duration(run.get("seconds"))),
        ("training: epochs", trainings, lambda run: run.get("epochs")),
        ("training: steps", trainings, lambda run: _grouped(run.get("iterations"))),
        ("training: best epoch", trainings, lambda run: run.get("best_metric_epoch")),
        ("training: memory at the peak", trainings, _memory),
        ("evaluation: time", runs, lambda run: duration(run.get("seconds"))),
        ("evaluation: memory at the peak", runs, _memory),
    ]
    made = facts("Parameters, time and memory", content.names, [(n, [tell(run) for run in of]) for n, of, tell in rows])
    return Section("cost", "Parameters and cost", joined([made]) if made else Html())


def duration(seconds: float | None) -> str | None:
    """Returns a duration as people say it, None without one."""
    if seconds is None:
        return None
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def trained_share(run: Run) -> str | None:
    """Returns the share of the parameters that was trained."""
    parameters = run.get("parameters") or {}
    if not parameters.get("total") or parameters.get("trainable") is None:
        return None
    return f"{100 * parameters['trainable'] / parameters['total']:.3g} %"


def _trained(run: Run) -> str | None:
    count = _grouped((run.get("parameters") or {}).get("trainable"))
    share = trained_share(run)
    return count if share is None else f"{count} ({share})"


def _count(name: str) -> Callable[[Run], str | None]:
    def tell(run: Run) -> str | None:
        return _grouped((run.get("parameters") or {}).get(name))

    return tell


def _grouped(value: int | None) -> str | None:
    return None if value is None else f"{value:,}"


def _memory(run: Run) -> str | None:
    for place in ("device", "host"):
        if run.get(f"peak_{place}_bytes"):
            return f"{run[f'peak_{place}_bytes'] / 2**30:.2f} GiB ({place})"
    return None
