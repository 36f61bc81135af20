"""The copy of segpeft in a bundle."""

from __future__ import annotations

import re
from pathlib import Path

import segpeft

from . import load

LEFT_OUT = ("bundle", "demo", "doctor", "experiments", "federated", "tables")
"""Parts that work on bundles from outside."""
ABSOLUTE = re.compile(r"^(\s*)from segpeft(?:\.([\w.]+))? import ", re.MULTILINE)
COMMAND = "python -m segpeft."


def carry_package(scripts: Path) -> None:
    """Writes the package to ``scripts/segpeft``, with relative imports only, and beside it what loads it.

    Args:
        scripts: the folder ``scripts`` of a bundle.
    """
    source = Path(segpeft.__file__).parent
    for path in sorted(source.rglob("*.py")):
        inside = path.relative_to(source)
        if inside.parts[0] not in LEFT_OUT:
            target = scripts / "segpeft" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(relative_imports(path.read_text(encoding="utf-8"), len(inside.parts)), encoding="utf-8")
    (scripts / "__init__.py").write_text('"""Python code of this bundle."""\n', encoding="utf-8")
    (scripts / "load.py").write_text(Path(load.__file__).read_text(encoding="utf-8"), encoding="utf-8")


def relative_imports(code: str, depth: int) -> str:
    """Returns the code of a module with its imports of segpeft made relative, and its command lines renamed.

    Args:
        code: of the module.
        depth: 1 for a module directly in the package, 2 for one in a part of it, and so on.
    """
    code = ABSOLUTE.sub(lambda found: f"{found[1]}from {'.' * depth}{found[2] or ''} import ", code)
    return code.replace(COMMAND, "python -m scripts.segpeft.")
