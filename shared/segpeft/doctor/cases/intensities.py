"""Intensities that no image has."""

from __future__ import annotations

from collections.abc import Iterator

from segpeft.data.survey import CaseFacts, ChannelFacts
from segpeft.finding import ERROR, NOTE, Finding

from ..expected import Expected


def check_intensities(facts: CaseFacts, expected: Expected) -> Iterator[Finding]:
    """Yields channels with values that are not finite, and channels of one value."""
    for index, channel in enumerate(facts.channels):
        name = expected.channels[index] if index < len(expected.channels) else str(index)
        if channel.non_finite:
            text = f"{channel.path}: channel {name} has {channel.non_finite} NaN or infinite values"
            yield Finding("intensities", f"{text}; expected finite intensities", ERROR, facts.name)
        if channel.constant:
            severity = NOTE if expected.allow_missing else ERROR
            text = f"{channel.path}: channel {name} is {_constant(channel)}; expected an image"
            yield Finding("intensities", text, severity, facts.name)


def _constant(channel: ChannelFacts) -> str:
    return "all zero" if channel.low == 0 else f"the constant {channel.low:g}"
