"""A federation of three sites against pooled and single-site training: ``python -m benchmarks.federated``.

The sites' phantoms differ in contrast, sharpness and noise. All train the demonstration's network of `brats_lora` on
one pre-trained encoder, for as many epochs of their data as the federation has, and are judged on cases of all sites.
A row that was trained before is reused: remove its folder to repeat it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from monai.bundle import ConfigWorkflow

from benchmarks.evaluating import CONFIGS, ROOT, write_comparison
from benchmarks.federated_data import HELD_OUT, IMAGE_SIZE, POOLED, SITES, TRAINED, encoder_of, write_lists
from benchmarks.federated_sizes import shipped_sizes, sizes_table
from segpeft.bundle.json_files import json_object, write_json
from segpeft.engines.case_table import ALL
from segpeft.errors import one_line_errors
from segpeft.experiments.scores import read_scores
from segpeft.federated.simulate import simulate
from segpeft.machine import machine
from segpeft.markdown import markdown_table

SEEDS = (0, 1, 2)
ROUNDS, LOCAL_EPOCHS = 6, 6
DEMO, EVALUATE = CONFIGS / "demo.json", CONFIGS / "evaluate.json"
COMMON = ROOT / "benchmarks" / "grids" / "rows" / "channel_lora.json"
UNET = "pooled, plain UNet"
KNOBS = {"train#dataset#data#section": "all", "val_interval": 1000, "crops_per_case": 1, "max_lr": 0.005}
"""Every listed case is trained on, and none is judged on the way: all are held out. Few cases: small and many steps."""


@dataclass(frozen=True)
class Row:
    """A configuration of the table.

    Attributes:
        sites: names of the data lists, one a site.
        absent: see ``Simulation``.
        knobs: of the bundle, where they differ.
    """

    sites: Sequence[str]
    absent: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)
    knobs: Mapping[str, Any] = field(default_factory=dict)


ROWS = {
    "pooled": Row([POOLED]),
    **{f"{site} alone": Row([site]) for site in SITES},
    "federated": Row(list(SITES)),
    "federated, site_c leaves half-way": Row(list(SITES), {"site_c": (ROUNDS // 2 + 1, None)}),
    "federated, decoder only": Row(list(SITES), knobs={"method": "decoder_only"}),
}


def main() -> None:
    """Trains, evaluates, prints and writes the table."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "federated", help="where data and runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "federated.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    asked = parser.parse_args()
    work = asked.work.resolve()
    lists, encoder = write_lists(work), encoder_of(work)
    found = {name: [_once(name, seed, lists, encoder, work) for seed in asked.seeds] for name in (*ROWS, UNET)}
    rows = {name: _over_seeds(runs) for name, runs in found.items()}
    sizes = shipped_sizes()
    results = {"rounds": ROUNDS, "local_epochs": LOCAL_EPOCHS, "seeds": asked.seeds, "rows": rows, "shipped": sizes}
    made = machine()
    note = (
        f"{ROUNDS} rounds of {LOCAL_EPOCHS} local epochs, {TRAINED} training cases a site, seeds "
        f"{', '.join(map(str, asked.seeds))}; {made['cpu']}, torch {made['torch']}."
    )
    text = "\n\n".join([table(rows), note, sizes_table(sizes)])
    write_comparison(asked.out, results, "Federated, pooled and single-site training on phantoms", text)


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a Markdown table: mean of regions on all held-out cases and on those of each site, bytes an update."""
    head = ["training", "Dice, all", *(f"of {site}" for site in SITES), "cases", "update (kB)", "whole network (kB)"]
    lines = []
    for name, row in rows.items():
        spread = f" ± {stdev(row['dice']):.3f}" if len(row["dice"]) > 1 else ""
        sites = [f"{row['by_site'][site]:.3f}" for site in SITES]
        sent = [f"{row[size] / 1e3:.0f}" if size in row else "–" for size in ("update_bytes", "full_bytes")]
        lines.append([name, f"{fmean(row['dice']):.3f}{spread}", *sites, row["cases"], *sent])
    return markdown_table(head, lines, texts=1)


def _once(name: str, seed: int, lists: Mapping[str, Path], encoder: Path, work: Path) -> dict[str, Any]:
    """Trains and judges a row with one seed, unless that was done before."""
    folder = work / "runs" / f"{name.replace(',', '').replace(' ', '_')}_{seed}"
    record = folder / "record.json"
    if not record.is_file():
        start = time.process_time()
        knobs = {**KNOBS, "seed": seed, "cache_dir": str(work / "cache")}
        if name == UNET:
            sizes, built = _train_unet(folder, lists[POOLED], knobs)
        else:
            sizes, built = _train_row(ROWS[name], folder, lists, {**knobs, "pretrained_encoder": str(encoder)})
        _run("evaluating", [EVALUATE, DEMO], {**knobs, **built, **_judging(folder, lists[HELD_OUT])})
        dice = read_scores(folder / "judged" / "cases.csv", ["dice"])["dice"][ALL]
        write_json(record, {"dice": dice, **sizes, "seconds": time.process_time() - start})
        print(f"{name}, seed {seed}: {fmean(dice.values()):.3f}", flush=True)
    return json_object(record)


def _train_row(
    row: Row, folder: Path, lists: Mapping[str, Path], knobs: Mapping[str, Any]
) -> tuple[dict[str, int], dict[str, Any]]:
    """Trains by the simulation; returns the bytes of an update and of the network, and the knobs that built it."""
    built = {**row.knobs, "image_size": IMAGE_SIZE}
    result = simulate(
        CONFIGS.parent,
        {site: lists[site] for site in row.sites},
        folder,
        ROUNDS,
        LOCAL_EPOCHS,
        config_file=["configs/train.json", str(DEMO)],
        knobs={**knobs, **built},
        absent=row.absent,
    )
    sizes = {name: result[name] for name in ("update_bytes", "full_bytes")} if len(row.sites) > 1 else {}
    return sizes, built


def _train_unet(folder: Path, data: Path, knobs: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, Any]]:
    """Trains the plain MONAI UNet of the other comparisons on all sites' data."""
    built = {**json_object(COMMON)["configurations"]["unet"], "image_size": IMAGE_SIZE}
    places = {"output_dir": str(folder), "model_dir": str(folder), "dataset_dir": str(data)}
    _run("training", [DEMO], {**knobs, **built, **places, "epochs": ROUNDS * LOCAL_EPOCHS})
    return {}, built


def _judging(folder: Path, held_out: Path) -> dict[str, Any]:
    places = {"ckpt_path": str(folder / "model.pt"), "output_dir": str(folder / "judged")}
    return {**places, "dataset_dir": str(held_out), "section": "all"}


def _run(run_id: str, overlays: Sequence[Path], knobs: Mapping[str, Any]) -> None:
    """Runs the bundle in this process: starting one for each of so short trainings would take most of the time."""
    files = [str(path) for path in (CONFIGS / "train.json", *overlays)]
    given = {**deepcopy(dict(knobs)), "bundle_root": str(CONFIGS.parent)}
    workflow = ConfigWorkflow(files, logging_file=False, workflow_type="train", run_id=run_id, **given)
    workflow.initialize()
    workflow.run()
    workflow.finalize()


def _over_seeds(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns Dice, mean of regions: of each seed over all cases, and of each site's cases over the seeds."""
    found = [run["dice"] for run in runs]
    by_site = {
        site: fmean(fmean(value for case, value in dice.items() if case.startswith(site)) for dice in found)
        for site in SITES
    }
    sizes = {name: runs[0][name] for name in ("update_bytes", "full_bytes") if name in runs[0]}
    dice = [fmean(one.values()) for one in found]
    seconds = [round(run["seconds"], 1) for run in runs]
    return {"dice": dice, "by_site": by_site, "cases": len(found[0]), "seconds": seconds, **sizes}


if __name__ == "__main__":
    main()
