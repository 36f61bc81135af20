"""What ``--tracking mlflow`` leaves in its store, and a training repeated from its record.

``python -m benchmarks.tracking``, in an environment with mlflow, trains `brats_lora` on phantoms by its demo settings,
tracked; repeats that by ``python -m segpeft.bundle repeat``; evaluates, tracked; and reads the stores.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.evaluating import CONFIGS, ROOT, write_comparison
from segpeft.bundle.command import bundle_command
from segpeft.bundle.steps import Step, run_step
from segpeft.errors import InputError, one_line_errors
from segpeft.machine import machine
from segpeft.markdown import markdown_table
from segpeft.versions import versions

SHOWN = (
    "method",
    "fold",
    "seed",
    "epochs",
    "max_epochs",
    "epoch_length",
    "max_lr",
    "train_share",
    "pretrained_encoder",
)
"""Parameters in the table; the file of results has all."""


def main() -> None:
    """Runs, reads, prints and writes."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "tracking", help="where data and runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "tracking.json")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    for step in _steps(work):
        run_step(step, work)
    stores = {name: stored(work / name) for name in ("training", "evaluation")}
    repeated = largest_difference(work / "models" / "model.pt", work / "repeated" / "models" / "model.pt")
    results = {"mlflow": importlib.import_module("mlflow").__version__, **stores, "largest_weight_difference": repeated}
    write_comparison(arguments.out, results, "What a tracked run leaves in MLflow", table(results))


def stored(folder: Path) -> dict[str, Any]:
    """Returns what the store of a run holds: state, parameters, metrics (last value, and how many), tags, artifacts.

    In parameters the folder that holds the run is called DIR, so that results name no place on a machine.

    Raises:
        InputError: mlflow is missing, or the store does not hold exactly one run.
    """
    try:
        client = importlib.import_module("mlflow").MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlruns.db'}")
    except ImportError as error:
        raise InputError("mlflow is not installed, expected an environment with it (docs/tracking.md)") from error
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    if len(runs) != 1:
        raise InputError(f"{folder}: {len(runs)} runs in mlruns.db, expected 1: delete the folder and start again")
    data, run = runs[0].data, runs[0].info.run_id
    return {
        "status": runs[0].info.status,
        "parameters": {name: text.replace(str(folder.parent), "DIR") for name, text in sorted(data.params.items())},
        "metrics": {
            name: {"values": len(client.get_metric_history(run, name)), "last": value}
            for name, value in sorted(data.metrics.items())
        },
        "tags": data.tags,
        "artifacts": [artifact.path for artifact in client.list_artifacts(run)],
    }


def largest_difference(first: Path, second: Path) -> float:
    """Returns the largest difference between the weights of two files with the same keys."""
    one, other = (torch.load(path, map_location="cpu", weights_only=True) for path in (first, second))
    return max(float((value.double() - other[key].double()).abs().max()) for key, value in one.items())


def table(results: Mapping[str, Any]) -> str:
    """Returns the tables of metrics and parameters in Markdown, with a note on the rest."""
    metrics = [
        [name, run, found["values"], f"{found['last']:.4g}"]
        for run in ("training", "evaluation")
        for name, found in results[run]["metrics"].items()
    ]
    training = results["training"]
    parameters = [[name, f"`{training['parameters'][name]}`"] for name in SHOWN]
    left_out = len(training["parameters"]) - len(SHOWN)
    note = (
        f"Parameters of the training, {left_out} more are not shown. Tags: {', '.join(training['tags'])}; artifact: "
        f"{', '.join(training['artifacts'])}. Repeated from its record, the training gave weights whose largest "
        f"difference is {results['largest_weight_difference']:g}. {machine()['cpu']}, torch {versions()['torch']}, "
        f"mlflow {results['mlflow']}."
    )
    head = markdown_table(["metric", "run", "values", "last"], metrics, texts=2)
    return "\n\n".join([head, markdown_table(["parameter", "value"], parameters), note])


def _steps(work: Path) -> list[Step]:
    data = ["-m", "segpeft.data.phantoms", "brain", "--cases", "6", "--shape", "48", "48", "36", "--out"]
    runs = {"dataset_dir": work / "data", "model_dir": work / "models", "cache_dir": work / "cache", "device": "cpu"}
    runs |= {"folds": 3, "epochs": 3, "val_interval": 1, "tracking": "mlflow", "experiment_name": "phantoms"}
    train, evaluate = (
        bundle_command(run_id, [*configs, "demo.json"], {**runs, "output_dir": work / name})
        for run_id, configs, name in (
            ("training", ["train.json"], "training"),
            ("evaluating", ["train.json", "evaluate.json"], "evaluation"),
        )
    )
    repeat = ["-m", "segpeft.bundle", "repeat", str(work / "training"), "--output_dir", str(work / "repeated")]
    inputs = [CONFIGS / f"{name}.json" for name in ("train", "evaluate", "demo")]
    bundle = CONFIGS.parent
    return [
        Step("phantoms", [*data, str(work / "data")], ROOT, [], work / "data" / "dataset.json"),
        Step("training", train, bundle, inputs, work / "training" / "run.json"),
        Step("repetition", repeat, ROOT, [], work / "repeated" / "run.json"),
        Step("evaluation", evaluate, bundle, inputs, work / "evaluation" / "run.json"),
    ]


if __name__ == "__main__":
    main()
