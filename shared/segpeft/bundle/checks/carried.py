"""The copy of segpeft that a packed bundle carries."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from segpeft.finding import NOTE, Finding

ALWAYS = ("monai", "torch", "numpy")
"""Packages whose versions metadata.json names elsewhere."""
NAMES = {"ignite": "pytorch-ignite", "yaml": "pyyaml"}
"""Packages that are imported under another name than that by which they are installed."""


def check_carried(folder: Path) -> Iterator[Finding]:
    """Checks that the copy imports nothing of an installed segpeft, nothing late, and no package that is not listed.

    A late import (inside a function) of the copy's own modules would find those of another bundle in a server.
    """
    package = folder / "scripts" / "segpeft"
    if not package.is_dir():
        yield Finding("carried", "the bundle carries no scripts/segpeft: it needs segpeft installed", NOTE)
        return
    listed = _listed(folder / "configs" / "metadata.json")
    foreign: dict[str, str] = {}
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(folder).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, late in _imports(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                if late:
                    yield Finding("carried", f"{place}, line {node.lineno}: imports a module of its own late")
                continue
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in (name.partition(".")[0] for name in names):
                if name == "segpeft":
                    yield Finding("carried", f"{place}, line {node.lineno}: imports segpeft, not the copy")
                elif not late and name not in sys.stdlib_module_names:
                    foreign.setdefault(NAMES.get(name, name), place)
    for name, place in sorted(foreign.items()):
        if name not in listed:
            yield Finding("carried", f"{place} imports {name}, which required_packages_version does not list")


def _imports(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    late = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, id(node) in late


def _listed(metadata: Path) -> set[str]:
    try:
        return {*json.loads(metadata.read_text(encoding="utf-8"))["required_packages_version"], *ALWAYS}
    except (OSError, ValueError, KeyError, TypeError):
        return set(ALWAYS)
