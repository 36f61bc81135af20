"""Real four-channel brain MR through training, evaluation and inference by overrides alone.

``python -m benchmarks.open_ms --dataset_dir DIR``, with DIR as the open MS data lie: patient folders with FLAIR, T1,
T1POST, T2 and GOLD_STANDARD (Lesjak et al., Neuroinformatics 2017). A few steps of a small network: it shows that the
way is open, not how well lesions are found.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.steps import Step, run_step
from segpeft.errors import one_line_errors
from segpeft.machine import machine

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "bundles" / "brats_lora"
FILES = {"FLAIR": "FLAIR.nii.gz", "T1w": "T1.nii.gz", "T1gd": "T1POST.nii.gz", "T2w": "T2.nii.gz"}
DATA = {"channel_files": FILES, "label_scheme": {"name": "lesion", "regions": {"lesion": [1]}}}
LABELLED = {"label_file": "GOLD_STANDARD.nii.gz", "folds": 2}


def main() -> None:
    """Runs the three commands, prints and writes what came out."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="the folder of the patients")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "open_ms", help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "open_ms.json")
    arguments = parser.parse_args()
    work, data = arguments.work.resolve(), arguments.dataset_dir.resolve()
    steps = _steps(data, work)
    seconds = {step.name: round(run_step(step, work), 1) for step in steps}
    result = {
        "machine": machine(),
        "overrides": {**DATA, **LABELLED},
        "seconds": seconds,
        "training": read_json(work / "training" / "run.json"),
        "evaluation": read_json(work / "evaluation" / "cases_summary.json"),
        "inference": [_written(data, path) for path in sorted((work / "inference").glob("*_seg.nii.gz"))],
    }
    print(json.dumps(result, indent=4))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out, result)


def _steps(data: Path, work: Path) -> list[Step]:
    model = work / "training" / "model.pt"
    runs = {"dataset_dir": data, **DATA, **LABELLED, "cache_dir": work / "cache", "model_dir": model.parent}
    training = {**runs, "epochs": 3, "val_interval": 3, "output_dir": work / "training"}
    evaluation = {**runs, "output_dir": work / "evaluation"}
    inference = {"dataset_dir": data, **DATA, "ckpt_path": model, "output_dir": work / "inference"}
    inputs = [BUNDLE / "configs" / f"{name}.json" for name in ("train", "evaluate", "inference", "demo")]

    def step(name: str, run_id: str, configs: list[str], knobs: dict[str, Any], result: Path) -> Step:
        return Step(name, bundle_command(run_id, configs, knobs), BUNDLE, inputs, result)

    summary = work / "evaluation" / "cases_summary.json"
    return [
        step("training", "training", ["train.json", "demo.json"], training, model),
        step("evaluation", "evaluating", ["train.json", "evaluate.json", "demo.json"], evaluation, summary),
        step("inference", "run", ["inference.json", "demo.json"], inference, work / "inference"),
    ]


def _written(data: Path, path: Path) -> dict[str, Any]:
    """Compares a label map with its input."""
    case = path.name.removesuffix("_seg.nii.gz")
    label, image = (nibabel.Nifti1Image.from_filename(p) for p in (path, data / case / FILES["FLAIR"]))
    values = np.unique(np.asarray(label.dataobj))
    return {
        "case": case,
        "shape_equal": label.shape == image.shape,
        "affine_equal": bool(np.allclose(label.affine, image.affine, atol=1e-5)),
        "orientation": "".join(nibabel.aff2axcodes(label.affine)),
        "dtype": str(label.get_data_dtype()),
        "values": [int(value) for value in values],
    }


if __name__ == "__main__":
    main()
