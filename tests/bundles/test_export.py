"""Trained networks leave their bundle by MONAI's own commands, with adapters and merged, and compute the same.

Those of ONNX need libraries that the project does not: `pip install onnx onnxscript onnxruntime`.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ckpt_export, onnx_export
from torch import Tensor, nn

from segpeft.engines import load_model
from segpeft.peft.__main__ import main as peft
from tests.bundles.runs import BUNDLES, CHANNELS, PRETRAINING_SWIN, SEGMENTING, config_files, workflow
from tests.peft.methods import shake

SWIN = {"image_size": [32, 32, 4], "encoder": PRETRAINING_SWIN["encoder"]}
CASES = {
    **{bundle: (bundle, (), knobs) for bundle, knobs in SEGMENTING.items()},
    "swin": ("kits_medtuning", ("swin",), SWIN),
}
SCRIPTED = [name for name in CASES if name != "swin"]
WAYS = {"kept": "network_def", "merged": "network_def::network"}
SLOW = [("prostate_lora", "kept"), ("prostate_lora", "merged"), ("swin", "kept")]
CLOSE = 1e-4  # the largest difference by the largest logit, float32


@dataclass(frozen=True)
class Exported:
    """A trained network, and what MONAI's export functions have to be told to find it.

    Attributes:
        network: with its adapters, in evaluation mode.
        image: one window of noise.
        net_id: which network of the config the checkpoint is of.
        options: the others.
    """

    network: nn.Module
    image: Tensor
    net_id: str
    options: dict[str, Any]

    @torch.no_grad()
    def check(self, found: Tensor, image: Tensor) -> None:
        expected = self.network(image)
        assert expected.std() > 1e-3
        assert (found - expected).abs().max() <= CLOSE * expected.abs().max()


def merging(configs: list[str], knobs: Mapping[str, Any], folder: Path) -> list[str]:
    """What a person types after `python -m segpeft.peft` to merge `model.pt` into `merged.pt`."""
    told = [f"--set={key}={json.dumps(value)}" for key, value in knobs.items()]
    files = ["--model", str(folder / "model.pt"), "--out", str(folder / "merged.pt")]
    return ["merge", "--config", *configs, *told, *files]


def trained(name: str, way: str, folder: Path) -> Exported:
    """Writes the checkpoint of a network whose adapters do something, merged by the command line if it shall be."""
    bundle, overlays, knobs = CASES[name]
    knobs = {key: value for key, value in knobs.items() if "method" not in key or way == "kept"}
    knobs |= {"method": "lora"} if way == "merged" else {}
    network = workflow(bundle, "inference", *overlays, **knobs).parser.get_parsed_content("network_def").eval()
    torch.save(shake(network).state_dict(), folder / "model.pt")
    configs, checkpoint = config_files(bundle, "inference", *overlays), folder / "model.pt"
    if way == "merged":
        checkpoint = folder / "merged.pt"
        assert peft(merging(configs, knobs, folder)) == 0
    image = torch.randn(1, len(CHANNELS[bundle]), *knobs["image_size"], generator=torch.Generator().manual_seed(0))
    options = {"ckpt_file": str(checkpoint), "config_file": configs, "input_shape": list(image.shape), **knobs}
    return Exported(network, image, WAYS[way], options)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit.* is deprecated", category=DeprecationWarning)
        yield


@pytest.mark.parametrize(
    ("name", "way"),
    [
        pytest.param(name, way, marks=[pytest.mark.slow] if (name, way) in SLOW else [])
        for name, way in itertools.product(CASES, WAYS)
    ],
)
def test_torchscript(name, way, tmp_path):
    exported, path = trained(name, way, tmp_path), tmp_path / "model.ts"
    ckpt_export(exported.net_id, filepath=str(path), use_trace=name not in SCRIPTED, **exported.options)
    image = exported.image * 0.5
    exported.check(torch.jit.load(str(path)).eval()(image), image)


@pytest.mark.parametrize("name", ["brats_lora", "kits_medtuning"])
def test_a_merged_network_is_one_of_method_full(name, tmp_path):
    exported = trained(name, "merged", tmp_path)
    bundle, overlays, knobs = CASES[name]
    knobs = {key: value for key, value in knobs.items() if "method" not in key} | {"method": "full"}
    network = workflow(bundle, "inference", *overlays, **knobs).parser.get_parsed_content("network_def").eval()
    with torch.no_grad():
        exported.check(load_model(network, exported.options["ckpt_file"])(exported.image), exported.image)


def test_swin_is_traced_because_monai_writes_its_patches_in_no_script(tmp_path):
    """`PatchEmbed` reads a third size of a patch that has two, where it would see volumes."""
    exported = trained("swin", "kept", tmp_path)
    with pytest.raises(RuntimeError, match="Tuple index out of range"):
        ckpt_export(exported.net_id, filepath=str(tmp_path / "model.ts"), **exported.options)


def test_channel_adapters_cannot_be_merged(tmp_path, capsys):
    """Each channel has a weight of its own."""
    exported = trained("brats_lora", "kept", tmp_path)
    assert peft(merging(exported.options["config_file"], SEGMENTING["brats_lora"], tmp_path)) == 1
    assert "channel_lora cannot be merged" in capsys.readouterr().err


@pytest.mark.slow
def test_the_commands_of_the_documentation(tmp_path):
    """Typed inside the bundle's folder, with the network as it is shipped; `models/` is not written to."""
    folder = BUNDLES / "brats_lora"
    network = workflow("brats_lora", "inference", method="lora").parser.get_parsed_content("network_def").eval()
    torch.save(network.state_dict(), tmp_path / "model.pt")
    config = ["--config_file", "configs/inference.json"]
    for command in (
        ["-m", "segpeft.peft", "merge", "--config", "configs/inference.json", "--set", "method=lora"]
        + ["--model", f"{tmp_path}/model.pt", "--out", f"{tmp_path}/merged.pt"],
        ["-m", "monai.bundle", "ckpt_export", *config, "--method", "lora"]
        + ["--ckpt_file", f"{tmp_path}/model.pt", "--filepath", f"{tmp_path}/model.ts"],
        ["-m", "monai.bundle", "ckpt_export", "network_def::network", *config]
        + ["--ckpt_file", f"{tmp_path}/merged.pt", "--filepath", f"{tmp_path}/merged.ts"],
    ):
        done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    exported = Exported(network, torch.randn(1, 4, 96, 96, 96), "", {})
    for name in ("model", "merged"):
        exported.check(torch.jit.load(f"{tmp_path}/{name}.ts").eval()(exported.image), exported.image)


@pytest.mark.reference
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_onnx(name, way, tmp_path):
    runtime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    exported, path = trained(name, way, tmp_path), tmp_path / "model.onnx"
    onnx_export(exported.net_id, filepath=str(path), **exported.options)
    onnx.checker.check_model(str(path))
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    image = exported.image * 0.5
    found = session.run(None, {session.get_inputs()[0].name: image.numpy()})[0]
    exported.check(torch.from_numpy(found), image)
