"""What adapters cost on disk, in memory and at inference: ``python -m benchmarks.adapter_files``.

A ViT-B/16 with UPerNet's decoder of width 64 on 128 x 128 x 8 voxels. Adapter files hold the decoder as well, which is
trained with every method; it is counted apart.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import interleaved_seconds, median_ratio
from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from segpeft.networks import build_slice_segmenter
from segpeft.peft import AdapterBank, Full, apply_peft, base_bytes, hold_base, known_methods, merge, save_adapter
from segpeft.peft.hold_base import FORMS

SIZE = (128, 128, 8)
BANK = ("lora", "fact", "bitfit", "houlsby", "vpt", "ladder", "med_adapter")
MERGED = ("lora", "dora", "fact")
ROUNDS = 7
LOOKUPS = 10_000
MB = 1e6


def network() -> nn.Module:
    """Returns the plain network, always with the same weights."""
    torch.manual_seed(0)
    return build_slice_segmenter(1, 2, SIZE, {"kind": "vit", "patch_size": [16, 16]}, "upernet", 64).eval()


def files() -> Section:
    """Fills a bank with adapters and measures bytes on disk, bytes in memory, and the time to add and to switch."""
    base, image = network(), torch.randn(1, 1, *SIZE)
    whole = sum(tensor.nbytes for tensor in base.state_dict().values())
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        bank = AdapterBank(base)
        full = save_adapter(apply_peft(network(), Full()), Path(folder) / "full.safetensors")
        for name in BANK:
            path = Path(folder) / f"{name}.safetensors"
            sizes = save_adapter(apply_peft(network(), known_methods()[name]()), path)
            added = interleaved_seconds({"add": _Add(bank, name, path)}, 3)["add"]
            rows.append(
                {
                    "method": name,
                    "adapters on disk (MB)": sizes["backbone_peft"] / MB,
                    "share of full": sizes["backbone_peft"] / full["backbone_peft"],
                    "decoder on disk (MB)": sizes["task_head"] / MB,
                    "in memory beside the base (MB)": bank.memory()[name] / MB,
                    "to add (s)": median(added),
                }
            )
        switch = median(interleaved_seconds({"switch": _Lookups(bank)}, ROUNDS)["switch"]) / LOOKUPS
        with torch.inference_mode():
            forward = median(interleaved_seconds({"forward": _Forward(bank["lora"], image)}, ROUNDS)["forward"])
    note = f"Base {whole / MB:.0f} MB, once for all. To switch: {1e6 * switch:.2f} microseconds. CPU seconds."
    largest = max(row["share of full"] for row in rows)
    targets = [
        Target("switch between adapters / a forward pass", switch / forward, 1e-3),
        Target("largest adapter file / full fine-tuning, without decoder", largest, 0.1),
    ]
    return Section("A bank of adapters", note, rows, targets)


def merging() -> Section:
    """Times inference before and after merging, beside the plain network."""
    image = torch.randn(1, 1, *SIZE)
    rows, targets = [], []
    for name in MERGED:
        adapted = apply_peft(network(), known_methods()[name]()).eval()
        ways = {"plain": network(), "adapted": adapted, "merged": merge(adapted)}
        with torch.inference_mode():
            runs = {way: _Forward(net, image) for way, net in ways.items()}
            seconds = interleaved_seconds(runs, ROUNDS)
        ratios = {way: median_ratio(seconds, way, "plain") for way in ("adapted", "merged")}
        rows.append(
            {"method": name, "plain (s)": median(seconds["plain"])} | {f"{w} / plain": r for w, r in ratios.items()}
        )
        targets.append(Target(f"inference, {name} merged / plain", ratios["merged"], 1.05))
    return Section("Merging", "Forward pass, float32, medians of interleaved rounds; CPU seconds.", rows, targets)


def held() -> Section:
    """Measures what a base in fewer bytes costs: bytes, error of the logits, and time of a forward pass."""
    image, exact = torch.randn(1, 1, *SIZE), apply_peft(network(), "lora")
    networks = {"float32": exact, **{form: hold_base(apply_peft(network(), "lora"), form) for form in FORMS}}
    runs = {form: _Forward(net.eval(), image, autocast=form == "bf16") for form, net in networks.items()}
    with torch.inference_mode():
        outputs = {form: run() for form, run in runs.items()}
        seconds = interleaved_seconds(runs, ROUNDS)
    rows, targets = [], []
    for form, net in networks.items():
        error = float((outputs[form].float() - outputs["float32"]).norm() / outputs["float32"].norm())
        share = base_bytes(net) / base_bytes(exact)
        row: dict[str, Any] = {"base": form, "base (MB)": base_bytes(net) / MB, "share": share}
        rows.append(row | {"error of the logits": error, "time / float32": median_ratio(seconds, form, "float32")})
        if form != "float32":
            targets.append(Target(f"error of the logits, base in {form}", error, 0.05))
    note = "Random weights; error is the norm of the difference to float32, relative to the norm. bf16 under autocast."
    return Section("A base in fewer bytes", note, rows, targets)


class _Add:
    def __init__(self, bank: AdapterBank, name: str, path: Path) -> None:
        self.bank, self.name, self.path = bank, name, path

    def __call__(self) -> None:
        self.bank.add(self.name, self.path)


class _Lookups:
    """Looks adapters up in turn, LOOKUPS times."""

    def __init__(self, bank: AdapterBank) -> None:
        self.bank = bank

    def __call__(self) -> None:
        for turn in range(LOOKUPS):
            self.bank[BANK[turn % len(BANK)]]


class _Forward:
    def __init__(self, net: nn.Module, image: Tensor, autocast: bool = False) -> None:
        self.net, self.image, self.autocast = net, image, autocast

    def __call__(self) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            return self.net(self.image)


ADAPTERS = Suite(
    "make bench BENCH=adapter_files", RESULTS / "adapter_files.json", {"files": files, "merging": merging, "held": held}
)

if __name__ == "__main__":
    sys.exit(main(suite=ADAPTERS))
