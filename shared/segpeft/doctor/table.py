"""Findings for a person, and for a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from segpeft.finding import Finding, Severity
from segpeft.markdown import markdown_table

MOST = 40
"""Lines of one check and severity; how many more there are is said."""


def findings_table(findings: Sequence[Finding]) -> str:
    """Returns a table with the worst first, and a line that counts."""
    lines, shown = [], Counter[tuple[str, Severity]]()
    for finding in sorted(findings, key=lambda finding: -finding.severity):
        kind = finding.check, finding.severity
        shown[kind] += 1
        if shown[kind] <= MOST:
            text = finding.text.replace("|", "\\|").replace("\n", " ")
            lines.append([finding.severity.name.lower(), finding.check, finding.subject, text])
    lines += [
        [severity.name.lower(), check, "", f"and {count - MOST} more (--json lists all)"]
        for (check, severity), count in shown.items()
        if count > MOST
    ]
    counts = Counter(finding.severity for finding in findings)
    summary = ", ".join(f"{severity.name.lower()}s: {counts[severity]}" for severity in sorted(Severity, reverse=True))
    return f"{markdown_table(['severity', 'check', 'in', 'what'], lines)}\n\n{summary}"


def findings_record(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Returns the findings as JSON."""
    return [
        {"severity": one.severity.name.lower(), "check": one.check, "in": one.subject, "text": one.text}
        for one in findings
    ]
