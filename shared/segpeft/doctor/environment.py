"""Versions of Python and of the packages, against the ranges that segpeft itself declares."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from segpeft.bundle.json_files import read_json
from segpeft.finding import ERROR, NOTE, WARNING, Finding


def check_environment() -> Iterator[Finding]:
    """Yields packages that are missing or outside their range, and what there is."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    try:
        declared, python = requires("segpeft") or [], metadata("segpeft")["Requires-Python"] or ""
    except PackageNotFoundError:
        yield Finding("versions", "segpeft is not installed as a package: its ranges are not known", NOTE)
        return
    if platform.python_version() not in SpecifierSet(python):
        yield Finding("versions", f"Python {platform.python_version()}; expected {python}", ERROR)
    found = [f"Python {platform.python_version()}"]
    for requirement in map(Requirement, declared):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            yield Finding("versions", f"{requirement.name} is missing: pip install '{requirement}'", ERROR)
            continue
        found.append(f"{requirement.name} {there}")
        if not requirement.specifier.contains(there, prereleases=True):
            yield Finding("versions", f"{requirement.name} {there}; expected {requirement.specifier}", ERROR)
    yield Finding("versions", ", ".join(found), NOTE)


def check_bundle_versions(bundle: Path) -> Iterator[Finding]:
    """Yields packages whose version is another than the one that the bundle was made with, by its `metadata.json`."""
    said = read_json(bundle / "configs" / "metadata.json")
    made_with = {"monai": said.get("monai_version"), "torch": said.get("pytorch_version")}
    made_with |= {"numpy": said.get("numpy_version"), **dict(said.get("required_packages_version") or {})}
    for name, wanted in made_with.items():
        try:
            there = version(name)
        except PackageNotFoundError:
            yield Finding("versions", f"{name} is missing; the bundle was made with {wanted}", WARNING)
            continue
        if wanted and _series(there) != _series(str(wanted)):
            yield Finding("versions", f"{name} {there}; the bundle was made with {wanted}", NOTE)


def _series(number: str) -> list[str]:
    return number.partition("+")[0].split(".")[:2]
