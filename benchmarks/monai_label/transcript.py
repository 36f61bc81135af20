"""The figures as a page to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segpeft.markdown import markdown_table

MEGABYTE = 1e6
KINDS = {"": "", "_packed": ", packed, no segpeft in the server"}
HEAD = ["study", "Dice", "flipped, best of 3", "affine off (mm)", "voxels other than own inference", "seconds"]


def transcript(results: Mapping[str, Any]) -> str:
    """Returns the round trips and the soak as Markdown."""
    parts = ["# Bundles on a MONAI Label server\n\nMade by `python -m benchmarks.monai_label`; `docs/monai-label.md`."]
    for kind, said in KINDS.items():
        trips = dict(results.get(f"round_trips{kind}", {}))
        machine = trips.pop("machine", None)
        parts += [_trip(name + said, trip) for name, trip in trips.items()]
        if machine:
            parts.append(_machine(machine))
        if f"soak{kind}" in results:
            parts.append(_soak(results[f"soak{kind}"], said))
    return "\n\n".join(parts) + "\n"


def _trip(title: str, trip: Mapping[str, Any]) -> str:
    name = title.partition(",")[0]
    score, training = trip["scoring"], trip["training"]
    scores = ", ".join(f"{study} {value:.3f}" for study, value in score["scores"].items())
    labels = ", ".join(f"{value} {label}" for label, value in trip["info"]["labels"].items())
    return "\n\n".join(
        [
            f"## {title}",
            f"```\n{' '.join(trip['command'])}\n```",
            f"`GET /info`: {trip['info']['images']} images; labels {labels}.",
            f"`POST /infer/{name}`; Dice of everything labelled:",
            _answers(trip["infer"]),
            f"`POST /infer/{name}` of an image with other channels: 500, and in the server's log\n\n"
            f"```\n{trip['refused']}\n```",
            f"`PUT /datastore/label` of {score['labelled']} labels.",
            f"`POST /scoring/{name}`: {score['status']}, {scores}.",
            f"`POST /train/{name}`, {training['request']} epoch: {training['status']} in {training['seconds']:.0f} s.",
            f"`POST /infer/{name}` with the new weights:",
            _answers(trip["infer_again"]),
        ]
    )


def _answers(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            row["study"],
            f"{row['dice']:.3f}",
            f"{max(row['flipped']):.3f}",
            f"{row['affine_off']:.1g}",
            row["differing_voxels"],
            f"{row['seconds']:.1f}",
        ]
        for row in rows
    ]
    return markdown_table(HEAD, lines, texts=1)


def _soak(found: Mapping[str, Any], said: str) -> str:
    row, once = found["in_a_row"], found["at_once"]
    memory = [[call, f"{size / MEGABYTE:.1f}"] for call, size in row["resident_bytes"].items()]
    return "\n\n".join(
        [
            f"## {' and '.join(found['bundles'])} in one server{said}",
            f"{row['calls']} inferences in a row: {row['wrong']} wrong, {row['seconds']:.0f} s; resident memory after "
            f"the last measured call {100 * row['growth']:+.2f} % of that after the first.",
            markdown_table(["call", "resident (MB)"], memory),
            f"{once['clients']} clients at once, {once['calls']} inferences: {once['wrong']} wrong or crossed, "
            f"{once['seconds']:.0f} s.",
            _machine(found["machine"]),
        ]
    )


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}."
