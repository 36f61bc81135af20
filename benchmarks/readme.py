"""Puts measured figures between their marks in the documentation: ``python -m benchmarks.readme``.

No figure there is typed by hand: each block is made from a committed file under ``benchmarks/results``. A block whose
file does not exist yet stays as it is, and may be missing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.doctor.tables import clean_table, faults_table, machine_line, power_table
from segpeft.engines.case_table import ALL
from segpeft.experiments.table import cost_table, score_table
from segpeft.markdown import markdown_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CARDS = ROOT / "bundles"
FILLED = (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(CARDS.glob("*/docs/README.md")))


def demo(path: Path) -> str:
    """Returns the demonstration's scores as a table."""
    found = _read(path)
    hd95 = found["scores"]["hd95"]
    lines = [
        [region, f"{dice['mean']:.3f}", f"{hd95[region]['mean']:.1f}", dice["n"]]
        for region, dice in found["scores"]["dice"].items()
    ]
    counts, machine = found["parameters"], found["machine"]
    note = (
        f"{counts['trainable']:,} of {counts['total']:,} parameters trained, {counts['backbone_peft']:,} of them in "
        f"the encoder; {sum(found['seconds'].values()):.0f} s in all, {found['peak_host_gib']:.2f} GiB at the peak "
        f"({machine['cpu']}, {machine['cores']} cores, torch {machine['torch']})."
    )
    return f"{markdown_table(['region', 'Dice', 'HD95 (mm)', 'n'], lines)}\n\n{note}"


def targets(path: Path) -> str:
    """Returns the targets of a benchmark with what was measured."""
    parts = _read(path)
    lines = []
    for part in parts.values():
        for target in part["targets"]:
            sign = ">=" if target["at_least"] else "<="
            missed = "" if target["met"] else " (missed)"
            lines.append([target["name"], f"{target['value']:.3g}{missed}", f"{sign} {target['bound']:g}"])
    note = _threads(next(iter(parts.values()))["machine"])
    return f"{markdown_table(['what', 'measured', 'asked'], lines)}\n\n{note}"


def training_step(path: Path) -> str:
    """Returns what a training step of each method takes, as ratios to full fine-tuning."""
    parts = [part for part in _read(path).values() if "time_ratio" in part["rows"][0]]
    rows = {row["method"]: row for part in parts for row in part["rows"]}
    head = ["method", "trained", "step time / full", "saved for backward / full", "memory / full"]
    lines = [
        [
            name,
            f"{row['trainable']:,}",
            *(f"{row[ratio]:.3f}" for ratio in ("time_ratio", "saved_ratio", "memory_ratio")),
        ]
        for name, row in rows.items()
    ]
    note = _threads(parts[0]["machine"])
    return f"{markdown_table(head, lines, texts=1)}\n\n{note}"


def experiment(path: Path) -> str:
    """Returns the first table of an experiment, its Dice by configuration, and the machine."""
    results = _read(path)
    return f"{score_table(results['rows'], 'dice')}\n\n{_machines(results)}."


def whole_experiment(path: Path) -> str:
    """Returns what an experiment is about, its Dice, what its trainings cost, and where the rest is."""
    results = _read(path)
    table = f"../{path.parent.relative_to(path.parents[3]).as_posix()}/table.md"
    about = f"{results['about']} [HD95, pairwise tests]({table})."
    return "\n\n".join([about, experiment(path), cost_table(results["rows"])])


def ranking(path: Path) -> str:
    """Returns the rows of an experiment by falling Dice, with what each trains, costs and leaves on disk.

    Steps are those that ``benchmarks.methods_step`` measured in turn: trainings run beside others, their seconds tell
    little.
    """
    results = _read(path)
    kind = "swin" if path.parent.name.endswith("_swin") else "vit"
    steps = {row["method"]: row for row in _read(path.parents[1] / "methods_step.json")[kind]["rows"]}
    lines = []
    for row in sorted(results["rows"], key=lambda row: -row["scores"]["dice"][ALL]["mean"]):
        score, sizes = row["scores"]["dice"][ALL], row["adapter_bytes"]
        step = steps.get(row["configuration"])
        costs = [f"{step[ratio]:.2f}" if step else "–" for ratio in ("time_ratio", "saved_ratio")]
        adapters = f"{sizes['backbone_peft'] / 1e3:.0f}" if sizes else "–"
        trained = f"{row['parameters']['backbone_peft']:,}" if sizes else f"{row['parameters']['trainable']:,} in all"
        spread = f" ± {score['spread']:.3f}" if score["spread"] is not None else ""
        lines.append([row["configuration"], f"{score['mean']:.3f}{spread}", trained, *costs, adapters])
    head = ["configuration", "Dice", "trained in the encoder", "step / full", "saved / full", "adapters on disk (kB)"]
    first = results["rows"][0]
    note = f"{first['cases']} cases, seeds {', '.join(map(str, first['seeds']))}. {_machines(results)}."
    return f"{markdown_table(head, lines, texts=1)}\n\n{note}"


def export(path: Path) -> str:
    """Returns how far exported networks are from PyTorch, and their time beside it."""
    parts = _read(path)
    head = ["bundle", "network", "ONNX file (MB)", "largest difference, ONNX", "PyTorch (s)"]
    head += ["TorchScript / PyTorch", "ONNX Runtime / PyTorch"]
    lines = [
        [
            bundle,
            row["network"],
            f"{row['file (MB)']:.0f}",
            f"{row['difference, ONNX']:.1e}",
            f"{row['PyTorch (s)']:.2f}",
            f"{row['TorchScript / PyTorch']:.2f}",
            f"{row['ONNX / PyTorch']:.2f}",
        ]
        for bundle, part in parts.items()
        for row in part["rows"]
    ]
    machines = {_threads(part["machine"]) for part in parts.values()}
    note = "One window, float32, CPU seconds. The difference is relative to the largest logit."
    return f"{markdown_table(head, lines, texts=2)}\n\n{note} {' '.join(sorted(machines))}"


def mae_stream(path: Path) -> str:
    """Returns what the first batches of a stream of half a million names took, the slowest process of each run."""
    found = _read(path)
    head = ["set", "processes", "first batch (s)", "of epoch 40 (s)", "resident before (MB)", "after 52 batches (MB)"]
    lines = []
    for run in found["reading"]:
        most = {key: max(rank[key] for rank in run["ranks"]) for key in run["ranks"][0] if key != "rank"}
        lines.append([run["set"], run["processes"], *most.values()])
    machine = found["machine"]
    note = "The slowest process of each row; no workers, batches of 8 crops of 32^3"
    machine_note = f"{machine['cpu']}, {machine['cores']} cores, torch {machine['torch']}"
    return f"{markdown_table(head, lines)}\n\n{note}; {machine_note}."


def inference_memory(path: Path) -> str:
    """Returns what inference held at most, by process, and one window of the shipped network."""
    found = _read(path)
    whole, window, machine = found["inference"], found["one_window"], found["machine"]
    volume = " x ".join(map(str, found["shape"]))
    lines = [
        [f"{volume} voxels, small network: inference", whole["peak_gb_of_main_process"]],
        ["its loader", whole["peak_gb_of_loader"]],
        [f"one window of {' x '.join(map(str, window['image_size']))}, the shipped network", window["peak_gb"]],
    ]
    note = f"Peaks; {machine['cpu']}, {found['threads']} thread, torch {machine['torch']}."
    return f"{markdown_table(['what', 'GB'], lines, texts=1)}\n\n{note}"


def doctor(name: str) -> Callable[[Path], str]:
    """Returns what makes a block of the doctor's results: `faults`, `clean`, `power` or `transcript`."""

    def block(path: Path) -> str:
        found = _read(path)
        made_of = {"faults": faults_table, "clean": clean_table, "power": power_table}
        text = made_of[name](found) if name in made_of else str(found["transcript"])
        return f"{text}\n\n{machine_line(found)}" if name == "power" else text

    return block


def table(path: Path) -> str:
    """Returns the table of a result that is one table below a title."""
    return path.read_text(encoding="utf-8").split("\n", 2)[2].strip()


BLOCKS: dict[str, tuple[str, Callable[[Path], str]]] = {
    "demo": ("demo.json", demo),
    "bench": ("channel_lora_step.json", targets),
    "med_adapter_step": ("med_adapter_step.json", targets),
    "med_tuning_step": ("med_tuning_step.json", training_step),
    "channel_lora_brats": ("channel_lora_brats/results.json", experiment),
    "channel_lora_hippocampus": ("channel_lora_hippocampus/results.json", experiment),
    "med_tuning_demo": ("med_tuning_demo/results.json", whole_experiment),
    "med_tuning_kits_vit": ("med_tuning_kits_vit/results.json", experiment),
    "med_tuning_kits_swin": ("med_tuning_kits_swin/results.json", experiment),
    "med_tuning_hippocampus": ("med_tuning_hippocampus/results.json", whole_experiment),
    "methods_hippocampus_vit": ("methods_hippocampus_vit/results.json", ranking),
    "methods_hippocampus_swin": ("methods_hippocampus_swin/results.json", ranking),
    "methods_phantoms_vit": ("methods_phantoms_vit/results.json", ranking),
    "methods_phantoms_swin": ("methods_phantoms_swin/results.json", ranking),
    "methods_study_hippocampus": ("methods_study_hippocampus/results.json", ranking),
    "adapter_files": ("adapter_files.json", targets),
    "held_base": ("held_base.md", table),
    "federated": ("federated.md", table),
    "missing_modality": ("missing_modality.md", table),
    "ensemble": ("ensemble.md", table),
    "scaffold": ("scaffold.md", table),
    "export": ("export.json", export),
    "tracking": ("tracking.md", table),
    "mae_stream": ("mae_stream.json", mae_stream),
    **{f"doctor_{name}": ("doctor.json", doctor(name)) for name in ("faults", "clean", "power", "transcript")},
    "inference_memory": ("inference_memory.json", inference_memory),
}
"""Name -> the file under ``benchmarks/results``, and what makes text of it."""


def made(results: Path = RESULTS) -> list[str]:
    """Returns the names of the blocks whose files exist."""
    return [name for name, (source, _) in BLOCKS.items() if (results / source).is_file()]


def filled(text: str, results: Path = RESULTS) -> str:
    """Returns ``text`` with every block between ``<!-- name -->`` and ``<!-- /name -->`` made anew.

    Args:
        text: Markdown.
        results: folder of the files; the block of one that is missing stays as it is.
    """
    for name in made(results):
        source, block = BLOCKS[name]
        head, tail = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, opened, rest = text.partition(head)
        _, closed, after = rest.partition(tail)
        if opened and closed:
            text = f"{before}{head}{block(results / source)}\n{tail}{after}"
    return text


def _threads(machine: dict[str, Any]) -> str:
    return f"{machine['processor']}, {machine['threads']} thread, torch {machine['torch']}."


def _machines(results: dict[str, Any]) -> str:
    machines = {f"{one['cpu']}, {one['cores']} cores, torch {one['torch']}" for one in results["machines"]}
    return "; ".join(sorted(machines))


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def main() -> None:
    """Rewrites the files."""
    for path in FILLED:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
