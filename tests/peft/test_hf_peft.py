"""LoRA to Hugging Face's format and back; against peft itself where it is installed."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import LoRA, apply_peft
from segpeft.peft.hf_peft import CONFIG, WEIGHTS, export_peft, import_peft
from tests.peft.backbones import BACKBONES
from tests.peft.methods import adapted, shake

NAMES = ("slice_vit", "slice_swin", "unetr", "swin_unetr")


@torch.no_grad()
def output(network: nn.Module, name: str) -> Tensor:
    return network.eval()(BACKBONES[name].image())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["lora_rs", "lora_standard"])
def test_what_was_exported_comes_back(method: str, name: str, tmp_path: Path) -> None:
    network = shake(adapted(method, BACKBONES[name]))
    export_peft(network, tmp_path)
    again = import_peft(BACKBONES[name].network(), tmp_path)
    assert torch.equal(output(again, name), output(network, name))
    theirs, ours = again.peft.method, network.peft.method
    assert (theirs.rank, theirs.alpha, theirs.rank_stabilised) == (ours.rank, ours.alpha, ours.rank_stabilised)
    assert set(theirs.targets) == set(ours.targets)


@pytest.mark.parametrize("name", NAMES)
def test_modules_to_save_are_named_so_that_peft_finds_no_others(name: str, tmp_path: Path) -> None:
    network = adapted("lora_rs", BACKBONES[name])
    export_peft(network, tmp_path)
    paths = [path for path, _ in network.named_modules()] + ["lora_dropout"]
    for saved in json.loads((tmp_path / CONFIG).read_text())["modules_to_save"]:
        assert [path for path in paths if path.endswith(saved)] == [saved]


@pytest.mark.reference
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["lora_rs", "lora_standard", "lora_qv"])
def test_peft_computes_the_same_from_what_was_exported(method: str, name: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed: pip install peft==0.21")
    network = shake(adapted(method, BACKBONES[name]))
    export_peft(network, tmp_path)
    theirs = peft.PeftModel.from_pretrained(BACKBONES[name].network(), tmp_path)
    torch.testing.assert_close(output(theirs, name), output(network, name))
    assert not torch.allclose(output(network, name), output(BACKBONES[name].network(), name), atol=1e-3)


@pytest.mark.reference
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stabilised", [True, False])
def test_what_peft_saved_computes_the_same_here(stabilised: bool, name: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed: pip install peft==0.21")
    targets = ["qkv", "proj", "linear1"] if "swin" in name else ["qkv", "out_proj", "linear2"]
    inside = BACKBONES[name].path
    config = peft.LoraConfig(
        r=3, lora_alpha=5, use_rslora=stabilised, target_modules=rf"{inside}\..*\.(attn|mlp)\.({'|'.join(targets)})"
    )
    theirs = peft.get_peft_model(BACKBONES[name].network(), config)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    theirs.save_pretrained(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps(as_list(json.loads((tmp_path / CONFIG).read_text()), theirs)))
    ours = import_peft(BACKBONES[name].network(), tmp_path)
    torch.testing.assert_close(output(ours, name), output(theirs, name))


def as_list(config: dict, model: nn.Module) -> dict:
    """The configuration with the paths that its pattern meant."""
    prefix = "base_model.model."
    paths = [path.removeprefix(prefix) for path, layer in model.named_modules() if hasattr(layer, "lora_A")]
    return {**config, "target_modules": paths}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export_peft(shake(adapted("lora_rs", BACKBONES["slice_vit"])), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("peft_type", "IA3", "peft_type is IA3, expected LORA"),
        ("use_dora", True, "use_dora is set"),
        ("bias", "all", "bias is all, expected none"),
        ("target_modules", ["encoder.blocks.0.attn.qkv"], "unlike in other blocks"),
        ("target_modules", [], "no layer"),
    ],
)
def test_what_has_no_equal_here_is_refused(setting: str, value: object, said: str, folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, setting: value}))
    with pytest.raises(InputError, match=said):
        import_peft(BACKBONES["slice_vit"].network(), folder)


def test_tensors_that_lack_or_do_not_fit_are_refused(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    key = next(key for key in tensors if key.endswith("lora_A.weight"))
    for changed, said in (
        ({k: v for k, v in tensors.items() if k != key}, "lacks "),
        ({**tensors, key: tensors[key][:1].contiguous()}, r"is \(1, 12\), \(2, 12\) in the network"),
        ({**tensors, "base_model.model.encoder.other": tensors[key].clone()}, "has the unknown encoder.other"),
    ):
        save_file(changed, folder / WEIGHTS)
        with pytest.raises(InputError, match=said):
            import_peft(BACKBONES["slice_vit"].network(), folder)
    with pytest.raises(InputError, match="not what peft saves"):
        import_peft(BACKBONES["slice_vit"].network(), folder / "nowhere")


def test_other_methods_have_no_form_in_peft(tmp_path: Path) -> None:
    for method in ("houlsby", "dora", "channel_lora"):
        name = "channel_unetr" if method == "channel_lora" else "slice_vit"
        with pytest.raises(InputError, match="LoRA has a form in peft"):
            export_peft(adapted(method, BACKBONES[name]), tmp_path)
    with pytest.raises(InputError, match="no method: only LoRA"):
        export_peft(BACKBONES["slice_vit"].network(), tmp_path)
    assert apply_peft(BACKBONES["slice_vit"].network(), LoRA()) is not None
