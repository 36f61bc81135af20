"""`--tracking mlflow`: what lands in the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bundles.runs import TRAINING, outputs, run

mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (pip install -e '.[tracking]')")


def only_run(folder: Path, experiment: str) -> tuple[Any, set[str]]:
    """The one run of a store, and the names of its artifacts."""
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlruns.db'}")
    (made,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return made, {artifact.path for artifact in client.list_artifacts(made.info.run_id)}


@pytest.fixture(scope="module")
def tracked(phantoms, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    knobs = {**TRAINING, "dataset_dir": phantoms, **outputs(folder)}
    run("brats_lora", "train", run_id="training", tracking="mlflow", experiment_name="brains", **knobs)
    return folder


def test_a_training(tracked):
    made, artifacts = only_run(tracked / "out", "brains")
    assert made.info.status == "FINISHED"
    report = json.loads((tracked / "out" / "run.json").read_text())
    assert {"train_loss", "lr_group_0", "dice", "dice_WT", "cases"} <= set(made.data.metrics)
    assert made.data.metrics["dice"] == pytest.approx(report["metrics"]["dice"])
    record = json.loads((tracked / "out" / "record.json").read_text())
    params = made.data.params
    assert (params["epochs"], params["max_epochs"], params["seed"], params["fold"]) == ("2", "2", "0", "0")
    assert json.loads(params["method"]) == record["config"]["method"]
    assert not {"network_def", "train", "run", "imports"} & set(params)
    assert made.data.tags["data_sha256"] == record["data"]["sha256"]
    assert "record.json" in artifacts


def test_an_evaluation_is_closed_at_its_end(tracked, phantoms, tmp_path):
    knobs = {**TRAINING, "dataset_dir": phantoms, "model_dir": tracked / "models", "output_dir": tmp_path}
    run("brats_lora", "train", "evaluate", run_id="evaluating", tracking="mlflow", **knobs)
    made, artifacts = only_run(tmp_path, "monai_experiment")
    assert made.info.status == "FINISHED"
    assert {"dice", "hd95_ET"} <= set(made.data.metrics)
    assert made.data.params["section"] == "validation"
    assert "record.json" in artifacts


def test_a_resumed_training_goes_on_in_its_run(tracked, phantoms):
    knobs = {**TRAINING, "dataset_dir": phantoms, "resume": True, **outputs(tracked)}
    store = f"sqlite:///{tracked / 'out' / 'mlruns.db'}"
    client = mlflow.MlflowClient(tracking_uri=store)
    (before,) = client.search_runs([client.get_experiment_by_name("brains").experiment_id])
    client.update_run(before.info.run_id, status="RUNNING")  # as a killed one leaves it
    state = tracked / "out" / "training_state.pt"
    state.unlink()
    run("brats_lora", "train", tracking="mlflow", experiment_name="brains", **knobs)
    made, _ = only_run(tracked / "out", "brains")
    assert made.info.run_id == before.info.run_id
    assert made.info.status == "FINISHED"
    assert made.data.params["resume"] == "false"  # MLflow keeps what was first
