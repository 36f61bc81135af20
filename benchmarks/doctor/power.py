"""How often an exchange of channels or a mirrored label is found, and how often one is claimed that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segpeft.data.layouts import Case
from segpeft.data.survey import OpenedCase, open_case
from segpeft.doctor.features.placement import AXES
from segpeft.doctor.looking import CaseLook, look
from segpeft.doctor.sets.channel_order import channel_orders, check_channel_order
from segpeft.doctor.sets.mirrored_label import check_mirrored_label
from segpeft.finding import NOTE, Finding


def power_rows(
    name: str, cases: Sequence[Case], looks: Sequence[CaseLook], channels: Sequence[str], plants: int
) -> list[dict[str, Any]]:
    """Returns a row for each kind of fault: how many were planted, one at a time, and what was found.

    Args:
        name: of the set.
        cases: labelled ones of a clean set.
        looks: at them.
        channels: of the cases.
        plants: of each kind.
    """
    rng = np.random.default_rng(0)
    rows = []
    kinds = [("channels", None)] if len(channels) > 1 else []
    for kind, axis in [*kinds, *((AXES[axis], axis) for axis in range(3))]:
        drawn = rng.choice(len(cases), plants, replace=plants > len(cases))
        outcomes = [_planted(looks, index, open_case(cases[index]), channels, axis, rng) for index in drawn]
        found, false = (sum(outcome[place] for outcome in outcomes) for place in (0, 1))
        clean = _claims(looks, channels, axis)
        rows.append(
            {"set": name, "cases": len(cases), "fault": kind if axis is None else f"label, {kind}", "planted": plants}
            | {"found": int(found), "false claims, clean set": len(clean), "false claims beside a plant": int(false)}
        )
    return rows


def _planted(
    looks: Sequence[CaseLook],
    index: int,
    opened: OpenedCase,
    channels: Sequence[str],
    axis: int | None,
    rng: np.random.Generator,
) -> tuple[bool, int]:
    """Returns whether the fault planted into one case was told rightly, and how many other cases were accused."""
    order = channel_orders(len(channels))[rng.integers(1, len(channel_orders(len(channels))))] if axis is None else ()
    changed = replace(opened, channels=tuple(opened.channels[place] for place in order)) if order else opened
    if axis is not None and opened.label is not None and opened.label.voxels is not None:
        stored = _stored_axis(opened, axis)
        changed = replace(opened, label=replace(opened.label, voxels=opened.label.voxels.flip(stored)))
    claims = _claims([*looks[:index], look(changed), *looks[index + 1 :]], channels, axis)
    said = f"look like {', '.join(channels[place] for place in order)};" if order else f"({AXES[axis or 0]})"
    ours = [claim for claim in claims if claim.subject == opened.case.name and said in claim.text]
    return bool(ours), sum(claim.subject != opened.case.name for claim in claims)


def _claims(looks: Sequence[CaseLook], channels: Sequence[str], axis: int | None) -> list[Finding]:
    findings = check_channel_order(looks, channels) if axis is None else check_mirrored_label(looks)
    return [finding for finding in findings if finding.severity > NOTE]


def _stored_axis(opened: OpenedCase, axis: int) -> int:
    """Returns the axis of the file that runs along an axis of RAS."""
    affine = opened.channels[0].affine
    if affine is None:
        raise ValueError(f"{opened.case.name}: was not read")
    return int(np.abs(affine[:3, :3].numpy())[axis].argmax())
