"""Loads the copy of segpeft that this bundle carries; its configs run this file.

Two bundles in one process, a MONAI Label server for example, may carry different versions, and both call theirs
`scripts.segpeft`. So a copy is imported once for each bundle, whole, and kept apart from `sys.modules`, out of which a
server removes it again and again.
"""

import sys
import threading
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = str(Path(__file__).resolve().parent.parent)
PARTS = ("data", "engines", "errors", "networks", "peft")
KEPT = "segpeft_of_bundles"


def _imported() -> ModuleType:
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        del sys.modules[name]  # of another bundle, which keeps what it loaded
    sys.path.insert(0, ROOT)  # and stays: worker processes that are spawned import from there
    package = import_module("scripts.segpeft")
    for part in PARTS:
        module = import_module(f"scripts.segpeft.{part}")
        for name in getattr(module, "__all__", ()):
            getattr(module, name)  # what is imported when it is first named is imported now
    return package


def carried_package() -> ModuleType:
    """Returns the package `scripts.segpeft` of the bundle in whose folder `scripts` this file lies."""
    kept = sys.modules.setdefault(KEPT, ModuleType(KEPT)).__dict__
    with kept.setdefault("lock", threading.RLock()):
        if ROOT not in kept:
            kept[ROOT] = _imported()
        return kept[ROOT]


segpeft = carried_package() if __name__ == "<run_path>" else None
