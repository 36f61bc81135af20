"""The files of a bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from segpeft.errors import InputError
from segpeft.file_digest import sha256
from segpeft.finding import NOTE, Finding

from ..large_files import LIMIT, large_files, read_large_files

REQUIRED = (
    "LICENSE",
    "configs/metadata.json",
    "configs/inference.json",
    "configs/train.json",
    "docs/README.md",
    "docs/data_license.txt",
    "models/model.pt",
)
SECTIONS = ("Data", "Performance", "Limitations", "Commands", "Citation", "References", "License")
"""Headings that the zoo's template for cards asks for."""
MACHINE = re.compile(r"(?<![\w.])(?:/home/|/root/|/Users/|/tmp/|/mnt/|[A-Z]:\\Users\\)[\w.-]*")
"""The beginning of a path that exists on one machine only."""
TEXT = (".json", ".md", ".py", ".txt", ".yml", ".conf", "")


def check_files(folder: Path) -> Iterator[Finding]:
    """Checks that all files are there, that large ones are listed, and that no file names a place on a machine."""
    for name in REQUIRED:
        if not (folder / name).is_file():
            yield Finding("files", f"{name} is missing")
    if "_v" in folder.name.replace("vit", ""):
        yield Finding("files", f"the name {folder.name} holds _v, by which the zoo finds versions")
    yield from _card(folder / "docs" / "README.md")
    yield from _large(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in TEXT):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if found := MACHINE.search(line):
                inside = path.relative_to(folder).as_posix()
                yield Finding("files", f"{inside}, line {number}: names a place on a machine, {found[0]}")


def _card(card: Path) -> Iterator[Finding]:
    headings = re.findall(r"^#+ +(.*?) *$", card.read_text(encoding="utf-8"), re.MULTILINE) if card.is_file() else []
    for section in SECTIONS if headings else ():
        if not any(heading.lower().startswith(section.lower()) for heading in headings):
            yield Finding("files", f"docs/README.md has no section {section}", NOTE)


def _large(folder: Path) -> Iterator[Finding]:
    try:
        listed = {entry["path"]: entry for entry in read_large_files(folder)}
    except InputError as error:
        yield Finding("files", str(error))
        return
    for path in large_files(folder):
        inside = path.relative_to(folder).as_posix()
        if inside not in listed:
            yield Finding("files", f"{inside} has more than {LIMIT / 1e6:.0f} MB and is not in large_files.yml")
    for inside, entry in listed.items():
        path = folder / inside
        if path.is_file() and entry.get("hash_type") == "sha256" and entry.get("hash_val") != sha256(path):
            yield Finding("files", f"{inside} is not the file whose hash large_files.yml gives")
        if not entry.get("url"):
            yield Finding("files", f"{inside} has no url in large_files.yml: the zoo needs one", NOTE)
