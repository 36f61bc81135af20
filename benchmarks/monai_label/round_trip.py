"""What a person does with a bundle in MONAI Label: look, infer, label, score, train, infer again."""

from __future__ import annotations

import shutil
import time
import urllib.error
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel

from segpeft.errors import InputError

from .answers import check_answer, differing_voxels, own_inference
from .packed import packed_form
from .server import LabelServer
from .studies import Study, channels_of, write_studies
from .subjects import Subject

BAD = "one_channel_only"


def round_trip(subject: Subject, python: Path, work: Path, packed: bool = False) -> dict[str, Any]:
    """Returns the transcript of one bundle on a server of its own.

    Args:
        subject: the bundle.
        python: of the environment with MONAI Label.
        work: for everything that is made; a training in it is used again.
        packed: serve the bundle as a zip carries it, in a server without segpeft.

    Raises:
        InputError: an answer is wrong, or a step fails.
    """
    bundle = subject.trained(work)
    folder = work / "servers" / subject.bundle
    shutil.rmtree(folder, ignore_errors=True)
    studies = write_studies(subject, folder / "studies", work)
    own = own_inference(bundle, studies, work)
    server = LabelServer(python, folder, folder / "studies", [subject.bundle], [subject.bundle], packed)
    serve(server, packed_form(bundle, work) if packed else bundle)
    with server:
        steps = Steps(subject, server, studies, own)
        return {
            "command": [Path(part).name if "/" in part else part for part in server.command],
            "info": steps.info(),
            "infer": steps.infer(subject.least_dice),
            "refused": steps.refused(),
            "scoring": steps.score(),
            "training": steps.train(),
            "infer_again": steps.infer_again(),
        }


def serve(server: LabelServer, bundle: Path) -> None:
    """Puts a copy of a trained bundle into the server's app."""
    server.fetch_app()
    to = server.app / "model" / bundle.name
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(bundle, to, ignore=shutil.ignore_patterns("eval", "cache"))


class Steps:
    """The steps of a round trip, in their order; each returns what it found or raises.

    Args:
        subject: the bundle that is served.
        server: which runs.
        studies: its images.
        own: the label maps of the bundle's own inference, by study.
    """

    def __init__(self, subject: Subject, server: LabelServer, studies: Sequence[Study], own: dict[str, Path]) -> None:
        self.subject, self.server, self.studies, self.own = subject, server, studies, own
        self.name, self.client = subject.bundle, server.client
        self.answers = server.folder / "answers"
        self.answers.mkdir(parents=True, exist_ok=True)

    def info(self) -> dict[str, Any]:
        """Looks at what the server offers."""
        found = self.client.info()
        missing = [part for part in ("models", "trainers", "scoring") if self.name not in found[part]]
        if missing:
            raise InputError(f"{self.name}: the server does not offer it among its {missing}")
        return {"labels": found["models"][self.name]["labels"], "images": found["datastore"]["total"]}

    def infer(self, least_dice: float) -> list[dict[str, Any]]:
        """Infers every study: the answer must be right, and to the voxel what the bundle's own inference gives."""
        rows = []
        for study in self.studies:
            answer, seconds = self._answer(study, "before")
            row = check_answer(answer, study, least_dice)
            row["differing_voxels"] = differing_voxels(answer, self.own[study.name])
            if row["differing_voxels"]:
                raise InputError(f"{study.name}: {row['differing_voxels']} voxels differ from the bundle's inference")
            rows.append({**row, "seconds": seconds})
        return rows

    def refused(self) -> str:
        """Infers an image that lacks channels, and returns the line about it in the server's log."""
        channels = channels_of(self.subject.folder)
        values = nibabel.load(self.studies[0].images[0])
        wrong = nibabel.four_to_three(values)[0] if len(channels) > 1 else nibabel.concat_images([values, values])
        path = self.server.studies / f"{BAD}.nii.gz"
        nibabel.save(wrong, path)
        try:
            self._until_known(lambda: self.client.infer(self.name, BAD, self.answers / path.name))
        except urllib.error.HTTPError as error:
            line = self.server.last_input_error()
            path.unlink()
            if error.code == 500 and f"expected {len(channels)}" in line:
                return line.replace(str(self.server.studies), "studies")
            raise InputError(f"{self.name}: a wrong image ends in {error.code} and the line {line!r}") from error
        raise InputError(f"{self.name}: an image of other channels was answered")

    def score(self) -> dict[str, Any]:
        """Labels all studies but one, and scores that one."""
        *labelled, rest = self.studies
        for study in labelled:
            self.client.submit(study.name, study.label)
        task = self.client.score(self.name, max_workers=1, simulation_size=2)
        scores = self.client.scores(self.server.studies)
        if task["status"] != "DONE" or rest.name not in scores:
            raise InputError(f"scoring ended {task['status']} with {scores}: {list(task['details'])[-1:]}")
        return {"status": task["status"], "labelled": len(labelled), "scores": {rest.name: scores[rest.name]}}

    def train(self) -> dict[str, Any]:
        """Trains one epoch on what was labelled, as Slicer asks for it; the weights must be new."""
        weights = self.server.app / "model" / self.name / "models" / "model.pt"
        before, start = weights.read_bytes(), time.monotonic()
        task = self.client.train(self.name, max_epochs=1)
        if task["status"] != "DONE" or weights.read_bytes() == before:
            raise InputError(f"training ended {task['status']}, weights not new: {list(task['details'])[-3:]}")
        epochs = self.server.log.read_text(encoding="utf-8", errors="replace").count("epoch 1/1: loss")
        if epochs != 1:  # Slicer sends an empty run_id, by which MONAI evaluates every item of the config
            raise InputError(f"{self.name}: one epoch was asked for, {epochs} were trained")
        return {"status": task["status"], "request": task["request"]["max_epochs"], "seconds": _since(start)}

    def infer_again(self) -> list[dict[str, Any]]:
        """Infers with the new weights: other answers, in the right place."""
        rows, changed = [], 0
        for study in self.studies:
            answer, seconds = self._answer(study, "after")
            row = check_answer(answer, study, self.subject.least_dice / 2, flip_loss=0.0)
            row["differing_voxels"] = differing_voxels(answer, self.own[study.name])
            changed += row["differing_voxels"]
            rows.append({**row, "seconds": seconds})
        if not changed:
            raise InputError(f"{self.name}: the answers after training are those before: the old weights are served")
        return rows

    def _answer(self, study: Study, when: str) -> tuple[Path, float]:
        start = time.monotonic()
        return self.client.infer(self.name, study.name, self.answers / f"{study.name}_{when}.nii.gz"), _since(start)

    def _until_known(self, infer: Callable[[], Any]) -> None:
        """Waits until the server's watcher has seen a new file: before, it answers that there is no such image."""
        end = time.monotonic() + 30
        while BAD not in self._known() and time.monotonic() < end:
            time.sleep(0.5)
        infer()

    def _known(self) -> str:
        store = self.server.studies / "datastore_v2.json"
        return store.read_text(encoding="utf-8") if store.exists() else ""


def _since(start: float) -> float:
    return round(time.monotonic() - start, 2)
