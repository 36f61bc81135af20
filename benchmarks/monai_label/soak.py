"""Two bundles in one server, for hundreds of inferences and many clients at once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from .answers import differing_voxels, own_inference
from .packed import packed_form
from .round_trip import serve
from .server import LabelServer
from .studies import write_studies
from .subjects import Subject

FIRST = 20
"""The call after which memory is first taken: by then everything is loaded that stays."""

Job = tuple[str, str, Path]  # bundle, study and the right answer


def soak(
    subjects: Sequence[Subject], python: Path, work: Path, calls: int = 200, clients: int = 8, packed: bool = False
) -> dict[str, Any]:
    """Returns what a server of several bundles did: wrong answers, seconds, and memory over time.

    Args:
        subjects: the bundles; calls go to all of their studies in turn.
        python: of the environment with MONAI Label.
        work: for everything that is made.
        calls: in a row.
        clients: at the same time, afterwards; each asks for every study of every bundle.
        packed: serve bundles as zips carry them, each with another version of segpeft, in a server without one.
    """
    folder = work / "servers" / "soak"
    shutil.rmtree(folder, ignore_errors=True)
    names = [subject.bundle for subject in subjects]
    server = LabelServer(python, folder, folder / "studies", names, packed=packed)
    jobs: list[list[Job]] = []
    for number, subject in enumerate(subjects):
        bundle = subject.trained(work)
        studies = write_studies(subject, server.studies, work)
        own = own_inference(bundle, studies, work)
        serve(server, packed_form(bundle, work, f"9.{number}.0") if packed else bundle)
        jobs.append([(subject.bundle, study.name, own[study.name]) for study in studies])
    turns = [job for together in zip(*jobs, strict=True) for job in together]
    with server:
        return {
            "bundles": names,
            "in_a_row": _in_a_row(server, turns, calls),
            "at_once": _at_once(server, turns, clients),
        }


def _in_a_row(server: LabelServer, turns: Sequence[Job], calls: int) -> dict[str, Any]:
    wrong, resident, start = 0, {}, time.monotonic()
    for call, job in enumerate(islice(cycle(turns), calls), start=1):
        wrong += _is_wrong(server, job, "row")
        if call % FIRST == 0:
            resident[call] = server.resident_bytes()
    growth = resident[calls // FIRST * FIRST] / resident[FIRST] - 1
    seconds = time.monotonic() - start
    return {"calls": calls, "wrong": wrong, "seconds": seconds, "resident_bytes": resident, "growth": growth}


def _at_once(server: LabelServer, turns: Sequence[Job], clients: int) -> dict[str, Any]:
    """Every client starts at another study, so that neighbours ask for different images and bundles."""
    start = time.monotonic()

    def client(number: int) -> int:
        own_turns = [*turns[number % len(turns) :], *turns[: number % len(turns)]]
        return sum(_is_wrong(server, job, f"client{number}") for job in own_turns)

    with ThreadPoolExecutor(clients) as pool:
        wrong = sum(pool.map(client, range(clients)))
    calls = clients * len(turns)
    return {"clients": clients, "calls": calls, "wrong": wrong, "seconds": time.monotonic() - start}


def _is_wrong(server: LabelServer, job: Job, who: str) -> bool:
    bundle, study, right = job
    answer = server.folder / "answers" / f"{who}_{study}.nii.gz"
    answer.parent.mkdir(exist_ok=True)
    return differing_voxels(server.client.infer(bundle, study, answer), right) > 0
