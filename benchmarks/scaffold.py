"""What `new` makes of the hippocampus: ``python -m benchmarks.scaffold --dataset_dir DIR``, no hand edits.

DIR is MSD Task04 (244 labelled cases). A fixed split holds 44 of them out; from the other 200 come all knobs, the
encoder's pre-training, the training and the choice of its best epoch, by the commands that `new` prints. A plain MONAI
UNet (``configs/unet.json`` of the same bundle) is trained for as many epochs on the same crops. Both are judged on the
44. nnU-Net's figure is the published one of the challenge's own test set: other cases, so only a landmark.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path
from statistics import fmean
from typing import Any

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import json_object, write_json
from segpeft.bundle.statistics import bootstrap_interval
from segpeft.bundle.steps import Step, run_step
from segpeft.engines.case_table import ALL
from segpeft.errors import one_line_errors
from segpeft.machine import machine
from segpeft.markdown import markdown_table

ROOT = Path(__file__).parents[1]
HELD_OUT, FOLDS, SEED = 44, 20, 0
PUBLISHED = {"Anterior": 0.90, "Posterior": 0.89}
"""nnU-Net on the test set of MSD Task04 (Isensee et al. 2021, Nature Methods 18:203)."""

TARGET = 0.86
UNET = "unet.json"
NAMES = {"scaffold": "scaffold", "unet": "plain MONAI UNet", "published": "nnU-Net, published, other test cases"}


def main() -> None:
    """Runs all steps, prints and writes what came out."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="the folder of MSD Task04")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "scaffold", help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "scaffold")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    seconds = {step.name: round(run_step(step, work), 1) for step in steps(arguments.dataset_dir.resolve(), work)}
    result = collected(work, seconds)
    write_json(arguments.out.with_suffix(".json"), result)
    arguments.out.with_suffix(".md").write_text(page(result), encoding="utf-8")
    print(arguments.out.with_suffix(".md").read_text(encoding="utf-8"))


def steps(data: Path, work: Path) -> list[Step]:
    """Returns the commands that a person would type, those of the plain UNet last."""
    split, volumes, bundle = work / "split.json", work / "volumes.txt", work / "bundle"
    encoder = bundle / "models" / "pretraining" / "pretrained" / "encoder.safetensors"
    listing = ["-m", "segpeft.data.datalist", "--dataset_dir", str(data), "--channels", "MRI"]
    listing += ["--folds", str(FOLDS), "--hold_out", str(HELD_OUT), "--seed", str(SEED), "--out", str(split)]
    new = ["-m", "segpeft.bundle", "new", "--dataset", str(split), "--method", "channel_lora", "--scale", "cpu"]
    named = ["-m", "segpeft.data.volume_list", str(split), "--out", str(volumes)]
    pretraining = bundle_command("training", ["pretrain.json"], {"dataset_dir": volumes})
    return [
        Step("split", listing, work, [data / "dataset.json"], split),
        Step("new", [*new, "--out", str(bundle), "--force"], work, [split], bundle / "configs" / "train.json"),
        Step("volumes", named, work, [split], volumes),
        Step("pretraining", pretraining, bundle, [volumes, bundle / "configs" / "pretrain.json"], encoder),
        *judged("scaffold", bundle, split, encoder, [], {}),
        *judged("unet", bundle, split, encoder, [UNET], {"model_dir": bundle / "models" / "unet"}),
    ]


def judged(
    name: str, bundle: Path, split: Path, encoder: Path, overlays: list[str], places: dict[str, Any]
) -> list[Step]:
    """Returns a training and its evaluation on the held-out cases."""
    model = places.get("model_dir", bundle / "models") / "model.pt"
    training, evaluation = (bundle / "eval" / f"{name}_{what}" for what in ("training", "evaluation"))
    inputs = [split, encoder, *(bundle / "configs" / config for config in ("train.json", *overlays))]
    common = {"dataset_dir": split, **places}
    train = bundle_command("training", ["train.json", *overlays], {**common, "output_dir": training})
    judge = {**common, "output_dir": evaluation, "section": "test"}
    evaluate = bundle_command("evaluating", ["train.json", "evaluate.json", *overlays], judge)
    return [
        Step(f"{name} training", train, bundle, inputs, model),
        Step(f"{name} evaluation", evaluate, bundle, [*inputs, model], evaluation / "cases_summary.json"),
    ]


def collected(work: Path, seconds: dict[str, float]) -> dict[str, Any]:
    """Returns scores, costs and knobs of both networks."""
    bundle = work / "bundle"
    rows = {}
    for name in ("scaffold", "unet"):
        run = json_object(bundle / "eval" / f"{name}_training" / "run.json")
        evaluation = bundle / "eval" / f"{name}_evaluation"
        rows[name] = {
            "scores": json_object(evaluation / "cases_summary.json"),
            "interval": bootstrap_interval(means(evaluation / "cases.csv")),
            **{key: run[key] for key in ("parameters", "seconds", "epochs", "iterations", "best_metric_epoch")},
        }
    return {
        "machine": {**machine(), "load": round(os.getloadavg()[2], 1)},
        "cases": {"training": len(json_object(work / "split.json")["training"]), "test": HELD_OUT},
        "published": PUBLISHED,
        "target": TARGET,
        "seconds": seconds,
        "rows": rows,
    }


def means(path: Path) -> list[float]:
    """Returns the Dice of each case, the mean over its regions, from the table of an evaluation."""
    found: dict[str, list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["case"], []).append(float(row["dice"]))
    return [fmean(values) for values in found.values()]


def page(result: dict[str, Any]) -> str:
    """Returns the table for a person."""
    regions = list(PUBLISHED)
    lines = []
    for name, row in result["rows"].items():
        dice, (low, high) = row["scores"]["dice"], row["interval"]
        scores = [f"{dice[region]['mean']:.3f}" for region in regions]
        mean = f"{dice[ALL]['mean']:.3f} [{low:.3f}, {high:.3f}]"
        lines.append([NAMES[name], *scores, mean, dice[ALL]["n"], f"{row['parameters']['trainable']:,}", row["epochs"]])
    published = result["published"]
    mean = f"{fmean(published.values()):.3f}"
    lines.append([NAMES["published"], *(f"{published[region]:.2f}" for region in regions), mean, "", "", ""])
    head = ["network", *regions, "mean of regions, 95 % interval", "cases", "trained parameters", "epochs"]
    spent = ", ".join(f"{name} {value / 60:.0f}" for name, value in result["seconds"].items() if value >= 60)
    said = f"{result['cases']['training']} cases to learn from, {result['cases']['test']} held out, one training each"
    found = result["machine"]
    on = f"{found['cpu']}, {found['cores']} cores with a load of {found['load']}, torch {found['torch']}"
    note = f"{said}. Minutes: {spent} ({on})."
    return f"# A bundle for the hippocampus, without a hand edit\n\n{markdown_table(head, lines, texts=1)}\n\n{note}\n"


if __name__ == "__main__":
    main()
