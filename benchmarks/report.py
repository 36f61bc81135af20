"""The measured numbers as text: a table a benchmark, and the verdict on each target."""

from typing import Any

from segpeft.markdown import markdown_table


def markdown(results: dict[str, dict[str, Any]], command: str) -> str:
    """Returns all parts as one Markdown document, which says by which command it was written."""
    parts = ["# Measured speed and memory", f"Written by `{command}`; do not edit."]
    for result in results.values():
        parts += [f"## {result['title']}", result["note"], _conditions(result), *_tables(result["rows"])]
        parts.append(_table([_target(target) for target in result["targets"]]))
    return "\n\n".join(parts) + "\n"


def verdicts(result: dict[str, Any]) -> str:
    """Returns one part for the terminal."""
    lines = [result["title"], *_tables(result["rows"])]
    for target in map(_target, result["targets"]):
        lines.append(f"{target['verdict']}: {target['target']}: {target['measured']} ({target['asked']})")
    return "\n".join(lines)


def _target(target: dict[str, Any]) -> dict[str, Any]:
    return {
        "target": target["name"],
        "measured": _cell(target["value"]),
        "asked": f"{'>=' if target['at_least'] else '<='} {_cell(target['bound'])}",
        "verdict": "met" if target["met"] else "MISSED",
    }


def _conditions(result: dict[str, Any]) -> str:
    m = result["machine"]
    memory = "freed memory kept by the process" if m["keeps_freed_memory"] else "freed memory given back to the system"
    peak = "" if result["peak_gb"] is None else f", peak memory {result['peak_gb']:.1f} GB"
    return (
        f"{m['processor']}, {m['cores']} cores, {m['threads']} thread(s), torch {m['torch']}, Python {m['python']}, "
        f"{m['system']}, {m['date']}; {memory}; {result['minutes']:.1f} min{peak}."
    )


def _tables(rows: list[dict[str, Any]]) -> list[str]:
    """Returns one table for each run of rows with the same columns."""
    groups: list[list[dict[str, Any]]] = []
    for row in rows:
        if groups and list(groups[-1][0]) == list(row):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [_table(group) for group in groups]


def _table(rows: list[dict[str, Any]]) -> str:
    return markdown_table(list(rows[0]), ([_cell(value) for value in row.values()] for row in rows))


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
