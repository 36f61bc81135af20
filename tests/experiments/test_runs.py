"""A small grid, for real: killed in its second cell, continued, with a cell that fails."""

import io
import json
import subprocess
import sys
import time
from contextlib import redirect_stdout

import pytest

from segpeft.experiments.__main__ import main
from tests.bundles.runs import BUNDLES, TRAINING

GRID = {
    "name": "small",
    "about": "A test.",
    "bundle": "brats_lora",
    "stages": [{"name": "training", "run_id": "training", "configs": ["train.json"]}],
    "values": {"data": None, "epochs": 25},
    "overrides": {
        **TRAINING,
        "dataset_dir": "{data}",
        "epochs": 1,
        "device": "cpu",
        "+initialize": ["$print('given', __import__('os').environ.get('CUDA_VISIBLE_DEVICES'))"],
        "+validate#handlers": [{"_target_": "segpeft.engines.CaseTable", "output_dir": "@output_dir"}],
    },
    "configurations": {
        "unet": {
            "network_def": {
                "_target_": "monai.networks.nets.UNet",
                "spatial_dims": 3,
                "in_channels": 4,
                "out_channels": 3,
                "channels": [4, 8],
                "strides": [2],
            },
            "adapter_path": None,
        },
        "lora": {"epochs": "{epochs}"},
        "broken": {"feature_size": 0},
        "late": {"epochs": 1, "training": ["$@train#trainer.run()", "$1 / 0"]},
    },
    "seeds": [0],
}


def run(arguments):
    output = io.StringIO()
    with redirect_stdout(output):
        status = main(arguments)
    return status, output.getvalue().splitlines()


def kill_when(process, path):
    end = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What the interrupted run left, what the second and the third one said."""
    from segpeft.data.phantoms.__main__ import main as write_phantoms

    folder = tmp_path_factory.mktemp("grid")
    assert write_phantoms(["brain", "--cases", "6", "--shape", "32", "32", "24", "--out", str(folder / "data")]) == 0
    (folder / "grid.json").write_text(json.dumps(GRID))
    arguments = [str(folder / "grid.json"), "--out", str(folder), "--bundles", str(BUNDLES)]
    arguments += ["--set", f"data={folder / 'data'}"]
    cells = folder / "small" / "cells"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "segpeft.experiments", *arguments], stdout=log)
        kill_when(process, cells / "lora_seed0" / "training" / "training_state.pt")
    assert not (cells / "lora_seed0" / "training" / "run.json").exists()
    first = (cells / "unet_seed0" / "cell.json").stat().st_mtime_ns
    second = run([*arguments, "--gpus", "4,5", "--report", str(folder / "report")])
    third = run([*arguments, "--only", "unet", "lora"])
    return {"folder": folder / "small", "first": first, "second": second, "third": third}


def record(story, name):
    return json.loads((story["folder"] / "cells" / f"{name}_seed0" / "cell.json").read_text())


def test_a_finished_cell_is_not_run_again(story):
    _, lines = story["second"]
    assert any(line.startswith("[1/4] unet, seed 0: done before, dice 0.") for line in lines)
    assert (story["folder"] / "cells" / "unet_seed0" / "cell.json").stat().st_mtime_ns == story["first"]
    assert record(story, "unet")["resumed"] is False


def test_the_interrupted_cell_continues(story):
    found = record(story, "lora")
    assert found["status"] == "done"
    assert found["resumed"] is True
    assert found["run"]["epochs"] == GRID["values"]["epochs"]
    assert "epochs are done" in (story["folder"] / "cells" / "lora_seed0" / "training.log").read_text()


def test_a_failure_is_recorded_and_told(story):
    status, lines = story["second"]
    assert status == 1
    found = record(story, "broken")
    assert found["status"] == "failed"
    assert found["error"].startswith("training failed: error: feature_size 0 is out of range")
    assert f"- broken, seed 0: {found['error']}" in lines


def test_a_stage_that_failed_after_its_summary_is_not_done(story):
    assert record(story, "late")["status"] == "failed"
    assert not (story["folder"] / "cells" / "late_seed0" / "training" / "run.json").exists()


def test_each_cell_has_a_gpu_of_its_own(story):
    logs = [(story["folder"] / "cells" / f"{name}_seed0" / "training.log").read_text() for name in ("lora", "broken")]
    given = {gpu for gpu in ("4", "5") for log in logs if f"given {gpu}\n" in log}
    assert given == {"4", "5"}


def test_done_cells_alone(story):
    status, lines = story["third"]
    assert status == 0
    assert [line.split(": ")[1].split(",")[0] for line in lines[:2]] == ["done before", "done before"]


def test_report(story):
    folder, second = story["folder"], story["folder"].parent / "report"
    results = json.loads((folder / "results.json").read_text())
    unet, lora = results["rows"]
    assert unet["parameters"]["trainable"] == unet["parameters"]["total"]
    assert lora["parameters"]["trainable"] < lora["parameters"]["total"]
    assert (unet["cases"], lora["cases"]) == (2, 2)
    assert unet["seconds"] > 0
    assert lora["seconds"] is None, "it was interrupted"
    assert list(unet["scores"]["dice"]) == ["WT", "TC", "ET", "mean"]
    assert [json.loads(line)["configuration"] for line in (folder / "cells.jsonl").open()] == ["unet", "lora"]
    names = ["cells.jsonl", "parameters.png", "results.json", "scores.png", "table.md"]
    assert sorted(path.name for path in second.iterdir()) == names
    assert all((folder / name).is_file() for name in names)
    assert "| unet | 0." in (second / "table.md").read_text()
    assert str(folder.parent) not in results["command"]
