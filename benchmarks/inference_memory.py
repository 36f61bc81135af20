"""Peak memory of ``kits_medtuning``'s inference on a large CT: 512 x 512 x 400 voxels of 0.8 x 0.8 x 1.0 mm.

``python -m benchmarks.inference_memory`` writes the volume once, an abdomen phantom whose voxels are repeated, and runs
the bundle's ``inference.json`` on it in a process of its own, on the CPU. Window, spacing, pre- and postprocessing are
the shipped ones; the network is a small one of random weights, so that it ends in minutes. What the shipped network
takes for one window is measured by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.bundle import run as run_bundle

from segpeft.atomic_files import replacing
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.process import last_line, run_logged
from segpeft.data.phantoms.__main__ import main as write_phantoms
from segpeft.errors import InputError, one_line_errors
from segpeft.machine import machine

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "bundles" / "kits_medtuning"
CONFIG = BUNDLE / "configs" / "inference.json"
SHAPE, SPACING, REPEATED = (512, 512, 400), (0.8, 0.8, 1.0), 4
SMALL = {"encoder#hidden_size": 48, "encoder#mlp_dim": 96, "encoder#num_layers": 4, "encoder#num_heads": 4}
SMALL["feature_size"] = 8
TARGET_GB = 8.0


def main() -> None:
    """Measures, prints and writes the figures; with ``--probe`` one of them, for this process."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "inference_memory", help="where files go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "inference_memory.json")
    parser.add_argument("--probe", choices=PROBES, help="only run this and write what it took")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    if arguments.probe:
        probe(arguments.probe, work)
        return
    write_volume(work / "data" / "case_00000" / "imaging.nii.gz", work / "phantom")
    result: dict[str, Any] = {"machine": machine(), "threads": 1, "shape": SHAPE, "spacing_mm": SPACING}
    result.update({name: _measure(name, work) for name in PROBES})
    result["target_gb"] = TARGET_GB
    result["target_met"] = result["inference"]["peak_gb"] < TARGET_GB
    print(json.dumps(result, indent=4))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out, result)


def write_volume(path: Path, phantom: Path) -> None:
    """Writes the volume as KiTS19 lies on disk, slices first, unless it is there."""
    if path.exists():
        return
    small = [str(size // REPEATED) for size in SHAPE]
    if write_phantoms(["abdomen", "--cases", "1", "--unlabelled", "--shape", *small, "--out", str(phantom)]):
        raise InputError(f"{phantom}: the phantom could not be written")
    image = nibabel.Nifti1Image.from_filename(phantom / "case_00000" / "imaging.nii.gz")
    voxels = np.asarray(image.dataobj)
    for axis in range(3):
        voxels = voxels.repeat(REPEATED, axis)
    affine = image.affine.copy()
    affine[:3, :3] *= np.roll(SPACING, 1) / np.linalg.norm(affine[:3, :3], axis=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        nibabel.save(nibabel.Nifti1Image(voxels, affine), partial)


def probe(name: str, work: Path) -> None:
    """Runs one of :data:`PROBES` and writes time and peak memory, this process and its largest child."""
    start = time.monotonic()
    found = PROBES[name](work)
    peaks = [resource.getrusage(who).ru_maxrss * 1024 / 1e9 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found.update(seconds=round(time.monotonic() - start, 1), peak_gb=round(sum(peaks), 2))
    found.update(peak_gb_of_main_process=round(peaks[0], 2), peak_gb_of_loader=round(peaks[1], 2))
    write_json(work / f"{name}.json", found)


def inference(work: Path) -> dict[str, Any]:
    """Runs the bundle on the volume; its loader is a process of its own, as shipped."""
    torch.save(_parsed(SMALL).get_parsed_content("network_def").state_dict(), work / "model.pt")
    knobs = {"dataset_dir": work / "data", "ckpt_path": work / "model.pt", "output_dir": work / "maps"}
    os.chdir(BUNDLE)
    run_bundle(config_file=str(CONFIG), device="cpu", **SMALL, **{key: str(value) for key, value in knobs.items()})
    label = nibabel.Nifti1Image.from_filename(work / "maps" / "case_00000_seg.nii.gz")
    image = nibabel.Nifti1Image.from_filename(work / "data" / "case_00000" / "imaging.nii.gz")
    same = label.shape == image.shape and bool(np.allclose(label.affine, image.affine, atol=1e-4))
    return {"knobs": SMALL, "grid_of_the_file": same}


def one_window(work: Path) -> dict[str, Any]:
    """Runs one window through the shipped network."""
    parser = _parsed({})
    size = parser["image_size"]
    with torch.no_grad():
        parser.get_parsed_content("network_def").eval()(torch.zeros(1, 1, *size))
    return {"image_size": size}


PROBES = {"inference": inference, "one_window": one_window}


def _parsed(knobs: dict[str, Any]) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config(str(CONFIG))
    parser.update({"device": "cpu", **knobs})
    return parser


def _measure(name: str, work: Path) -> dict[str, Any]:
    log = work / f"{name}.log"
    command = ["-m", "benchmarks.inference_memory", "--probe", name, "--work", str(work)]
    if run_logged(command, ROOT, log, {"OMP_NUM_THREADS": "1"}):
        raise InputError(f"{log}: the measurement failed: {last_line(log)}")
    return read_json(work / f"{name}.json")


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("error: peak memory is read as Linux counts it")
    main()
