"""Checking a bundle as the Model Zoo's CI does, and what that leaves out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from segpeft.errors import InputError
from segpeft.finding import Finding

from .archive import unzip
from .checks.carried import check_carried
from .checks.files import check_files
from .checks.metadata import check_metadata
from .checks.network import check_network


def verify(bundle: Path, schema: Path | None = None, quick: bool = False) -> list[Finding]:
    """Returns what is to say of a bundle, nothing if all is well.

    Args:
        bundle: folder or zip.
        schema: a JSON schema by which to check ``metadata.json`` as well.
        quick: check files, metadata and the carried package only.

    Raises:
        InputError: there is no such bundle, or a check could not run.
    """
    if bundle.is_dir():
        return list(_findings(bundle.resolve(), schema, quick))
    if not bundle.is_file():
        raise InputError(f"{bundle}: no such folder or zip")
    with tempfile.TemporaryDirectory() as place:
        return list(_findings(unzip(bundle, Path(place)), schema, quick))


def report(findings: list[Finding]) -> str:
    """Returns lines for a person, and at the end how many things are wrong."""
    lines = [f"{'wrong ' if finding.wrong else 'remark'} {finding.check}: {finding.text}" for finding in findings]
    wrong = sum(finding.wrong for finding in findings)
    return "\n".join([*lines, f"{wrong} wrong, {len(findings) - wrong} remarks" if findings else "all well"])


def _findings(folder: Path, schema: Path | None, quick: bool) -> Iterator[Finding]:
    yield from check_files(folder)
    yield from check_metadata(folder, schema)
    yield from check_carried(folder)
    if not quick:
        yield from check_network(folder)
