"""Exported networks beside PyTorch, one window on a CPU: ``python -m benchmarks.export``.

ViT-B/16 as two bundles ship it, with adapters kept and merged, through MONAI's ``onnx_export`` and ``ckpt_export``. The
project itself does not need what this does: ``pip install onnx onnxscript onnxruntime``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from monai.bundle import ckpt_export, onnx_export
from torch import Tensor, nn

from benchmarks.evaluating import ROOT
from benchmarks.measure import interleaved_seconds, median_ratio
from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from segpeft.peft import merge, trainable_parameters
from segpeft.peft.configured import configured_network, save_state

ROUNDS = 5
CLOSE = 1e-4
SHAKEN = 0.02


def brats_lora() -> Section:
    """Measures channel LoRA, which cannot be merged."""
    return _section("brats_lora", (4, 96, 96, 96), {"kept": None})


def kits_medtuning() -> Section:
    """Measures Med-Tuning, and LoRA of the same network kept and merged."""
    rows = {"Med-Adapter": None, "LoRA, kept": "lora", "LoRA, merged": "lora"}
    return _section("kits_medtuning", (1, 160, 160, 8), rows)


def _section(bundle: str, shape: tuple[int, ...], methods: dict[str, str | None]) -> Section:
    rows, targets = [], []
    image = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    for name, method in methods.items():
        with tempfile.TemporaryDirectory() as folder:
            row = _row(bundle, image, method, name.endswith("merged"), Path(folder))
        rows.append({"network": name} | row)
        targets.append(Target(f"{name}: ONNX Runtime, difference / largest logit", row["difference, ONNX"], CLOSE))
        targets.append(
            Target(f"{name}: TorchScript, difference / largest logit", row["difference, TorchScript"], CLOSE)
        )
    note = (
        f"One window of {' x '.join(map(str, shape[1:]))}, {shape[0]} channel(s), float32, the shipped network with "
        "random weights and adapters that are not zero. CPU seconds, medians of "
        f"{ROUNDS} interleaved rounds; PyTorch in inference mode. Differences are to PyTorch with the adapters kept."
    )
    return Section(f"Export of {bundle}", note, rows, targets)


def _row(bundle: str, image: Tensor, method: str | None, merged: bool, folder: Path) -> dict[str, Any]:
    config = str(ROOT / "bundles" / bundle / "configs" / "inference.json")
    torch.manual_seed(0)
    network = configured_network([config], [f"method={method}"] if method else [], plain=False)
    _shake(network)
    exported = merge(network) if merged else network
    save_state(exported, folder / "model.pt")
    options = {"ckpt_file": str(folder / "model.pt"), "config_file": config} | ({"method": method} if method else {})
    net_id = "network_def::network" if merged else "network_def"
    onnx_export(net_id, filepath=str(folder / "model.onnx"), input_shape=list(image.shape), **options)
    ckpt_export(net_id, filepath=str(folder / "model.ts"), **options)
    runs: dict[str, Callable[[], Tensor]] = {
        "PyTorch": _Torch(exported, image),
        "TorchScript": _Torch(torch.jit.load(str(folder / "model.ts")).eval(), image),
        "ONNX": _Session(folder / "model.onnx", image),
    }
    expected = _Torch(network, image)()
    row: dict[str, Any] = {"file (MB)": (folder / "model.onnx").stat().st_size / 1e6}
    for way in ("TorchScript", "ONNX"):
        row[f"difference, {way}"] = float((runs[way]() - expected).abs().max() / expected.abs().max())
    seconds = interleaved_seconds(runs, ROUNDS)
    row["PyTorch (s)"] = median(seconds["PyTorch"])
    return row | {f"{way} / PyTorch": median_ratio(seconds, way, "PyTorch") for way in ("TorchScript", "ONNX")}


@torch.no_grad()
def _shake(network: nn.Module) -> None:
    """Moves what is trainable, so that adapters do something."""
    for parameter in trainable_parameters(network):
        parameter.add_(torch.randn_like(parameter), alpha=SHAKEN)


class _Torch:
    def __init__(self, network: nn.Module, image: Tensor) -> None:
        self.network, self.image = network, image

    @torch.inference_mode()
    def __call__(self) -> Tensor:
        return self.network(self.image)


class _Session:
    """ONNX Runtime on as many threads as torch has."""

    def __init__(self, path: Path, image: Tensor) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: image.numpy()}

    def __call__(self) -> Tensor:
        return torch.from_numpy(self.session.run(None, self.feed)[0])


SUITE = Suite(
    "make bench BENCH=export",
    RESULTS / "export.json",
    {"brats_lora": brats_lora, "kits_medtuning": kits_medtuning},
)

if __name__ == "__main__":
    sys.exit(main(suite=SUITE))
