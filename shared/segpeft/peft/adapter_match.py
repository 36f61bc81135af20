"""Whether an adapter belongs to a base, a method and a shape: one line for what differs first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from segpeft.errors import InputError


def check_adapter(
    state: Mapping[str, Tensor],
    header: Mapping[str, str],
    expected: Mapping[str, Tensor],
    expected_header: Mapping[str, str],
    source: str,
    places: tuple[str, str],
) -> None:
    """Compares an adapter with what is expected: method and hyper-parameters, keys, shapes, base.

    Args:
        state: tensors of the adapter.
        header: of the adapter.
        expected: tensors with the names and shapes that it shall have.
        expected_header: with the method, the layout and the base that it shall have.
        source: begins the message: the file, or who sent it.
        places: where the adapter's and the expected values stand, in the words of the message.

    Raises:
        InputError: naming the first difference.
    """
    here, there = places
    _same_method(header, expected_header, source, places)
    missing, extra = sorted(set(expected) - set(state)), sorted(set(state) - set(expected))
    if missing or extra:
        first = f"lacks {missing[0]}" if missing else f"has the unknown {extra[0]}"
        raise InputError(f"{source}: {first} ({len(missing)} missing, {len(extra)} unexpected keys)")
    for key, value in state.items():
        shape = tuple(expected[key].shape)
        if tuple(value.shape) != shape:
            raise InputError(f"{source}: {key} is {tuple(value.shape)} {here}, {shape} {there}")
    if header["base_sha256"] != expected_header["base_sha256"]:
        raise InputError(
            f"{source}: belongs to another base (sha256 {header['base_sha256'][:12]}): load its base first"
        )


def _same_method(
    header: Mapping[str, str], expected_header: Mapping[str, str], source: str, places: tuple[str, str]
) -> None:
    ours, theirs = json.loads(expected_header["method"]), _method(header, source)
    ours["layout"] = expected_header["layout"]
    theirs["layout"] = header.get("layout", ours["layout"])
    for knob in ("layout", "method", *sorted(set(ours) | set(theirs))):
        if ours.get(knob) != theirs.get(knob):
            values = f"{theirs.get(knob)!r} {places[0]}, {ours.get(knob)!r} {places[1]}"
            raise InputError(f"{source}: {knob} is {values}")


def _method(header: Mapping[str, str], source: str) -> dict[str, Any]:
    try:
        return dict(json.loads(header["method"]))
    except (TypeError, ValueError) as error:
        raise InputError(f"{source}: the header's method is not readable ({error})") from error
