"""The data of ``benchmarks.federated``: three sites with the look of three scanners, and an encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.evaluating import ROOT
from segpeft.bundle.command import bundle_command
from segpeft.bundle.steps import Step, run_step
from segpeft.data.datalist import find_cases, write_datalist
from segpeft.data.layouts import Case

SITES: Mapping[str, Mapping[str, float]] = {
    "site_a": {},
    "site_b": {"gamma": 0.6, "noise": 0.03},
    "site_c": {"gamma": 1.5, "blur": 0.7},
}
"""What each site's scanner does, see ``benchmarks.site_appearance``."""

TRAINED, TESTED, UNLABELLED = 5, 4, 12
"""Cases a site to train on and to hold out, and volumes for the encoder, which have site_a's look."""

SHAPE = ("32", "32", "24")
IMAGE_SIZE = [16, 16, 16]
"""Of a crop: the demonstration's networks on a coarser grid, so that a training takes a minute or two."""

POOLED, HELD_OUT = "pooled", "held_out"
MAE = ROOT / "bundles" / "vit_mae"


def write_lists(work: Path) -> dict[str, Path]:
    """Writes the sites' data and returns the data lists: one a site, all sites' pooled, all sites' held out."""
    per_site = TRAINED + TESTED
    cases = {site: _site(work, site, index * per_site) for index, site in enumerate(SITES)}
    trained = {site: found[:TRAINED] for site, found in cases.items()}
    listed = {**trained, POOLED: [case for found in trained.values() for case in found]}
    listed[HELD_OUT] = [case for found in cases.values() for case in found[TRAINED:]]
    lists = {name: work / "lists" / f"{name}.json" for name in listed}
    for name, path in lists.items():
        if not path.is_file():
            write_datalist(listed[name], path, folds=TESTED, seed=0)
    return lists


def encoder_of(work: Path) -> Path:
    """Pre-trains the demonstration's encoder and returns its file."""
    folder, out = work / "unlabelled", work / "pretraining"
    _phantoms(work, folder, "--cases", str(UNLABELLED), "--seed", "2", "--unlabelled")
    places = {"dataset_dir": folder, "model_dir": out, "output_dir": out, "cache_dir": work / "cache"}
    knobs = {**places, "image_size": IMAGE_SIZE}
    command = bundle_command("training", ["train.json", "demo.json"], knobs)
    inputs = [MAE / "configs" / name for name in ("train.json", "demo.json")]
    encoder = out / "pretrained" / "encoder.safetensors"
    run_step(Step("pretraining", command, MAE, inputs, encoder), work)
    return encoder


def _site(work: Path, site: str, start: int) -> list[Case]:
    """Writes phantoms and what the site's scanner makes of them; returns the cases, named after the site."""
    source, out = work / "drawn" / site, work / "sites" / site
    _phantoms(work, source, "--cases", str(TRAINED + TESTED), "--start", str(start))
    command = ["-m", "benchmarks.site_appearance", "--source", str(source), "--out", str(out)]
    command += [part for name, value in SITES[site].items() for part in (f"--{name}", str(value))]
    run_step(Step(f"appearance {site}", command, ROOT, [source / "dataset.json"], out / "dataset.json"), work)
    return [replace(case, name=f"{site}_{case.name}") for case in find_cases(out)]


def _phantoms(work: Path, folder: Path, *options: str) -> None:
    command = ["-m", "segpeft.data.phantoms", "brain", "--shape", *SHAPE, "--out", str(folder), *options]
    run_step(Step(f"phantoms {folder.name}", command, ROOT, [], folder / "dataset.json"), work)
