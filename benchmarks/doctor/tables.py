"""What the doctor found, as tables."""

from __future__ import annotations

from typing import Any

from segpeft.markdown import markdown_table


def written(result: dict[str, Any]) -> str:
    """Returns the result as Markdown."""
    return (
        "\n\n".join(
            ["# What the doctor finds", faults_table(result), clean_table(result), power_table(result)]
            + ["## Its output on the planted set", result["transcript"], machine_line(result)]
        )
        + "\n"
    )


def faults_table(result: dict[str, Any]) -> str:
    """Returns which of the ten faults were found."""
    lines = [[row["fault"], row["case"], "yes" if row["found"] else "no"] for row in result["faults"]]
    note = f"{len(result['other claims'])} errors or warnings beside these."
    return f"{markdown_table(['planted fault', 'in', 'found'], lines)}\n\n{note}"


def clean_table(result: dict[str, Any]) -> str:
    """Returns how many errors and warnings were claimed of clean sets."""
    lines = [[name, one["cases"], len(one["claims"])] for name, one in result["clean sets"].items()]
    return markdown_table(["clean set", "cases", "errors and warnings"], lines, texts=1)


def power_table(result: dict[str, Any]) -> str:
    """Returns how many faults planted one at a time were found."""
    head = list(result["power"][0])
    return markdown_table(head, [list(row.values()) for row in result["power"]], texts=3)


def machine_line(result: dict[str, Any]) -> str:
    """Returns on what it ran, and how long."""
    found = result["machine"]
    return f"{result['seconds']} s in all; {found['cpu']}, {found['cores']} cores, torch {found['torch']}."
