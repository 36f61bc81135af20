"""The one exception for wrong input, and how it is shown to a person."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from types import TracebackType


class InputError(ValueError):
    """Something the user gave is wrong: a file, a value, a checkpoint. The message is one line a user can act on."""


def find_input_error(error: BaseException | None) -> InputError | None:
    """Returns the first :class:`InputError` in the chain of causes of ``error``, or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, InputError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def reason_of(error: BaseException) -> str:
    """Returns the first line of what ``error`` says, or its kind where it says nothing: to end a message with."""
    return (str(error).strip().splitlines() or [""])[0] or type(error).__name__


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    known = find_input_error(error)
    _tell_torchrun(known or error)
    if known is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {known}", file=sys.stderr)


def _tell_torchrun(error: BaseException) -> None:
    """Writes the first cause of ``error`` where torchrun looks for it: it then stands in its last lines.

    Without, these name only the rank that died, below what all the others say about having lost it.
    """
    path = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if path is None:
        return
    while error.__cause__ is not None:
        error = error.__cause__
    said = {"message": f"{type(error).__name__}: {error}", "extraInfo": {"timestamp": str(int(time.time()))}}
    Path(path).write_text(json.dumps({"message": said}), encoding="utf-8")


def one_line_errors() -> None:
    """Makes an uncaught :class:`InputError` print as one line instead of a traceback; the exit code stays 1.

    Under torchrun the cause of any uncaught error is also named in what torchrun prints at the end.

    Called by the ``initialize`` step of every bundle and by every command line of the package. The exception itself is
    unchanged, so a server that catches it sees an ordinary ``ValueError``.
    """
    sys.excepthook = _show
