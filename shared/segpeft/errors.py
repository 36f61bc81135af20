"""The one exception for wrong input, and how it is shown to a person."""

from __future__ import annotations

import sys
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
    if known is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"error: {known}", file=sys.stderr)


def one_line_errors() -> None:
    """Makes an uncaught :class:`InputError` print as one line instead of a traceback; the exit code stays 1.

    Called by the ``initialize`` step of every bundle and by every command line of the package. The exception itself is
    unchanged, so a server that catches it sees an ordinary ``ValueError``.
    """
    sys.excepthook = _show
