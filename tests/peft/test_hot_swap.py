"""A bank of adapters: right outputs, shared memory, threads, errors."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import AdapterBank, LoRA, apply_peft, save_adapter
from tests.peft.backbones import BACKBONES
from tests.peft.methods import adapted, shake

BACKBONE = BACKBONES["slice_vit"]
USED = ("lora_rs", "houlsby", "vpt_deep", "bitfit", "med_adapter", "lora_and_bitfit", "ladder", "compacter")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    for index, method in enumerate(USED):
        save_adapter(shake(adapted(method, BACKBONE), seed=index), folder / f"{method}.safetensors")
    return {method: folder / f"{method}.safetensors" for method in USED}


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    with torch.no_grad():
        return {
            method: shake(adapted(method, BACKBONE), seed=index)(BACKBONE.image()) for index, method in enumerate(USED)
        }


def filled(files: dict[str, Path], base: nn.Module) -> AdapterBank:
    bank = AdapterBank(base)
    for name, path in files.items():
        bank.add(name, path)
    return bank


@torch.no_grad()
def test_every_adapter_computes_what_its_network_did_and_the_base_stays(files, expected) -> None:
    base = BACKBONE.network()
    before = {key: value.clone() for key, value in base.state_dict().items()}
    flags = {key: parameter.requires_grad for key, parameter in base.named_parameters()}
    bank = filled(files, base)
    for name in (*USED, *reversed(USED)):
        torch.testing.assert_close(
            bank[name](BACKBONE.image()), expected[name], msg=lambda said, name=name: name + said
        )
    assert all(torch.equal(value, before[key]) for key, value in base.state_dict().items())
    assert {key: parameter.requires_grad for key, parameter in base.named_parameters()} == flags
    assert not hasattr(base, "peft")


def test_frozen_tensors_are_held_once(files) -> None:
    base = BACKBONE.network()
    bank = filled(files, base)
    memory = bank.memory()
    assert set(memory) == {"base", *USED}
    assert memory["base"] == sum(tensor.nbytes for tensor in [*base.parameters(), *base.buffers()])
    for name, path in files.items():
        network = shake(adapted(name, BACKBONE))
        trained = sum(p.nbytes for p in network.parameters() if p.requires_grad)
        assert trained <= memory[name] <= 1.2 * trained + 4096, path
    blocks = [bank[name].get_submodule("encoder.blocks.0.attn.qkv").weight.data_ptr() for name in ("lora_rs", "ladder")]
    assert blocks == [base.get_submodule("encoder.blocks.0.attn.qkv").weight.data_ptr()] * 2


@torch.no_grad()
def test_threads_get_the_adapter_that_they_name(files, expected) -> None:
    bank = filled(files, BACKBONE.network())

    def run(turn: int) -> bool:
        name = USED[turn % len(USED)]
        with torch.no_grad():
            return torch.allclose(bank[name](BACKBONE.image()), expected[name], atol=1e-5)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(48)))


def test_names_can_be_replaced_and_forgotten(files) -> None:
    bank = AdapterBank(BACKBONE.network())
    first = bank.add("case", files["lora_rs"])
    assert bank.add("case", files["houlsby"]) is bank["case"] is not first
    assert bank.names == ("case",)
    bank.remove("case")
    with pytest.raises(InputError, match="adapter 'case' is unknown: expected one of none"):
        bank["case"]


def test_what_is_no_base_or_no_adapter_is_refused(files, tmp_path) -> None:
    with pytest.raises(InputError, match="carries a method already"):
        AdapterBank(apply_peft(BACKBONE.network(), LoRA()))
    bank = AdapterBank(BACKBONE.network(seed=1))
    with pytest.raises(InputError, match="belongs to another base"):
        bank.add("lora", files["lora_rs"])
    (tmp_path / "broken.safetensors").write_bytes(b"no file")
    with pytest.raises(InputError, match="not a readable safetensors file"):
        bank.add("lora", tmp_path / "broken.safetensors")
    assert bank.names == ()
