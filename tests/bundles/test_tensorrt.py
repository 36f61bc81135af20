"""`inference_trt.json` as far as a machine without TensorRT goes: what it builds, the ONNX that would be compiled."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from monai.handlers import TrtHandler
from monai.networks.utils import convert_to_onnx

from segpeft.engines import BaseHolder, ModelLoader, RunRecord
from tests.bundles.runs import SEGMENTING, run, workflow


@pytest.mark.parametrize("bundle", SEGMENTING)
def test_the_network_is_compiled_once_it_is_loaded(bundle, tmp_path):
    made = workflow(bundle, "inference", "inference_trt", ckpt_path=tmp_path / "a.pt", **SEGMENTING[bundle])
    handlers = made.parser.get_parsed_content("handlers")
    assert [type(handler) for handler in handlers] == [ModelLoader, BaseHolder, RunRecord, TrtHandler]
    assert handlers[-1].model is handlers[0].network is made.parser.get_parsed_content("network")
    assert handlers[-1].base_path == str(tmp_path / "a.pt")
    assert handlers[-1].args == {"precision": "fp16"}
    assert made.parser.get_parsed_content("inferer").sw_batch_size == 1  # what is compiled takes one window
    assert made.parser.get_parsed_content("evaluator").wants_amp is False


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_without_tensorrt_inference_runs_as_usual(phantoms, trained, tmp_path, caplog):
    knobs = {**SEGMENTING["brats_lora"], "dataset_dir": phantoms, "ckpt_path": trained / "models" / "model.pt"}
    run("brats_lora", "inference", output_dir=tmp_path / "usual", **knobs)
    run("brats_lora", "inference", "inference_trt", output_dir=tmp_path / "trt", **knobs)
    assert "trt_compile() has no effect" in caplog.text
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*.nii.gz")} for name in ("usual", "trt")
    )
    assert len(one) == 6
    assert one == two


@pytest.mark.reference
@pytest.mark.parametrize("bundle", SEGMENTING)
@torch.no_grad()
def test_the_network_leaves_as_monai_exports_it_for_tensorrt(bundle, tmp_path):
    """By keyword, with every argument of `forward`."""
    runtime = pytest.importorskip("onnxruntime")
    network = workflow(bundle, "inference", **SEGMENTING[bundle]).parser.get_parsed_content("network_def").eval()
    channels = network.in_channels
    image = torch.randn(1, channels, *SEGMENTING[bundle]["image_size"])
    given = {"x": image, "present": None} if bundle != "kits_medtuning" else {"x": image}
    path = str(tmp_path / "model.onnx")
    convert_to_onnx(network, given, filename=path, input_names=["x"], output_names=[])
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found, expected = torch.from_numpy(session.run(None, {"x": image.numpy()})[0]), network(image)
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
