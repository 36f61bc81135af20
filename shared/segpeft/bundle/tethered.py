"""A Python module run as a program that ends when the process that started it ends.

``python -m segpeft.bundle.tethered -m MODULE ARGUMENTS`` does what ``python -m MODULE ARGUMENTS`` does, with a pipe to
its parent as standard input. The pipe closes when the parent is gone, however it went (``kill -9`` too, on every
system): a training never goes on behind the back of a second one that was started in its place.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

ORPHANED = 75
"""Exit status of a program whose parent has ended: that of a temporary failure (``EX_TEMPFAIL``)."""


def _wait_for_the_end_of_the_parent(pipe: int) -> None:
    while os.read(pipe, 1024):
        pass
    os._exit(ORPHANED)


def main() -> None:
    """Runs the module named on the command line."""
    pipe = os.dup(sys.stdin.fileno())
    threading.Thread(target=_wait_for_the_end_of_the_parent, args=(pipe,), daemon=True).start()
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
