"""Half a million volumes for pre-training: time to the first batch and memory, from a list and from a folder tree.

``python -m benchmarks.mae_stream`` writes 16 small volumes, a tree of 500,000 hard links to them in 500 folders, and a
list of those links. It reads from each with one process and with two under torchrun, at the first epoch and late in a
training; then it trains a small network from the list with two processes, through the bundle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.process import last_line, run_logged
from segpeft.errors import InputError, one_line_errors
from segpeft.machine import machine

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "bundles" / "vit_mae"
FILES, FOLDERS = 16, 500
BATCH, EPOCH_LENGTH = 8, 1000
LATE = 40
"""Epochs of 1000 batches of 8 crops, 2 a volume: the 40th starts 156,000 volumes (of one process) into a pass."""


def main() -> None:
    """Writes the sets, measures, prints and writes the figures."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500_000, help="names in the list and in the tree")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "mae_stream", help="where data and runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "mae_stream.json")
    parser.add_argument("--probe", type=Path, help="only read from this list or tree and print what it took")
    arguments = parser.parse_args()
    if arguments.probe is not None:
        probe(arguments.probe)
        return
    work = arguments.work.resolve()
    listed, tree = write_sets(work / "data", arguments.count)
    result: dict[str, Any] = {"machine": machine(), "names": arguments.count, "files": FILES, "reading": []}
    for name, place in (("list", listed), ("tree", tree)):
        for processes in (1, 2):
            result["reading"].append({"set": name, "processes": processes, "ranks": _measure(place, processes)})
    result["training_by_torchrun"] = _train(listed, work)
    print(json.dumps(result, indent=4))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(arguments.out, result)


def write_sets(folder: Path, count: int) -> tuple[Path, Path]:
    """Writes volumes of 48^3 voxels, a tree of hard links to them and a list of the links; reuses what is there."""
    originals, listed, tree = folder / "originals", folder / "volumes.txt", folder / "tree"
    originals.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    files = [originals / f"{index:02d}.nii.gz" for index in range(FILES)]
    for file in files:
        if not file.exists():
            volume = np.zeros((48, 48, 48), dtype=np.int16)
            volume[6:42, 6:42, 6:42] = rng.integers(100, 1000, (36, 36, 36))
            nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), file)
    links = [tree / f"site{index % FOLDERS:03d}" / f"volume{index:06d}.nii.gz" for index in range(count)]
    for index, link in enumerate(links):
        if index < FOLDERS:
            link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(files[index % FILES], link)
    listed.write_text("".join(f"{link.relative_to(folder)}\n" for link in links), encoding="utf-8")
    return listed, tree


def probe(place: Path) -> None:
    """Reads the first batches of two epochs and prints one line of JSON."""
    import torch.distributed as dist

    from segpeft.data import HeldOutVolumes, StreamLoader, VolumeCrops, VolumePaths, VolumeStream

    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    before, start = _resident_megabytes(), time.monotonic()
    crops, paths = VolumeCrops((32, 32, 32), num_samples=2), VolumePaths(place)
    stream = VolumeStream(paths, crops, batch_size=BATCH, epoch_length=EPOCH_LENGTH, held_out=0.01)
    loader = StreamLoader(stream)
    stream.prepare()
    HeldOutVolumes(paths, crops, 0.01).prepare()
    next(iter(loader))
    seconds = {"first_batch_seconds": round(time.monotonic() - start, 2)}
    start = time.monotonic()
    stream.set_epoch(LATE)
    batches = iter(loader)
    next(batches)
    seconds["first_batch_of_a_late_epoch_seconds"] = round(time.monotonic() - start, 2)
    for _ in range(50):
        next(batches)
    memory = {"resident_before_mb": before, "resident_after_52_batches_mb": _resident_megabytes()}
    print(json.dumps({"rank": int(os.environ.get("RANK", 0)), **seconds, **memory}), flush=True)
    if dist.is_initialized():
        dist.destroy_process_group()


def _resident_megabytes() -> float:
    """Returns the memory of this process that is resident now, in MB (10^6 bytes); Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _measure(place: Path, processes: int) -> list[dict[str, Any]]:
    command = ["-m", "benchmarks.mae_stream", "--probe", str(place)]
    if processes > 1:
        command = [*_torchrun(processes), *command]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"{place}: reading failed, see above")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return sorted(lines, key=lambda line: int(line["rank"]))


def _train(listed: Path, work: Path) -> dict[str, Any]:
    out = work / "training"
    knobs = {"dataset_dir": listed, "output_dir": out, "model_dir": out / "models", "device": "cpu", "epochs": 1}
    knobs.update(epoch_length=20, validation_share=0.01, validation_volumes=4)
    command = bundle_command("training", ["train.json", "demo.json", "multi_gpu_train.json"], knobs)
    if run_logged([*_torchrun(2), *command], BUNDLE, work / "training.log", _environment()):
        raise InputError(f"{work / 'training.log'}: the training failed: {last_line(work / 'training.log')}")
    report = read_json(out / "run.json")
    kept = ("seconds", "iterations", "peak_host_bytes", "best_metric")
    return {"processes": 2, **{name: report[name] for name in kept}}


def _torchrun(processes: int) -> Sequence[str]:
    return ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    main()
