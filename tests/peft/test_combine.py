"""Adapter files out of adapter files: weighted sums of LoRAs, DyLoRA cut to a rank."""

from pathlib import Path

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import DyLoRA, LoRA, apply_peft, load_adapter, save_adapter
from segpeft.peft.combine import combine_loras, truncate_dylora
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

BACKBONE = BACKBONES["slice_vit"]
LORAS = {
    "rank_stabilised": LoRA(rank=2),
    "standard": LoRA(rank=3, alpha=5, rank_stabilised=False, targets=("qkv", "linear2")),
    "parts": LoRA(rank=2, targets=("q", "v", "linear1")),
}


def written(method: LoRA, path: Path, seed: int) -> Path:
    save_adapter(shake(apply_peft(BACKBONE.network(), method), seed), path)
    return path


@pytest.mark.parametrize("method", LORAS.values(), ids=LORAS)
@pytest.mark.parametrize("weights", [(0.3, 0.7), (2.0, -0.5), (1.0, 1.0)])
@torch.no_grad()
def test_update_is_the_weighted_sum_and_the_rest_the_mean(method: LoRA, weights, tmp_path: Path) -> None:
    paths = [written(method, tmp_path / f"{seed}.safetensors", seed) for seed in (1, 2)]
    made = combine_loras(paths, weights, tmp_path / "sum.safetensors")
    assert made.rank == 2 * method.rank
    networks = [load_adapter(apply_peft(BACKBONE.network(), method), path) for path in paths]
    combined = load_adapter(apply_peft(BACKBONE.network(), made), tmp_path / "sum.safetensors")
    layers = [path for path, layer in combined.named_modules() if hasattr(layer, "delta_weight")]
    assert layers
    for path in layers:
        first, second = (network.get_submodule(path).delta_weight() for network in networks)
        expected = weights[0] * first + weights[1] * second
        torch.testing.assert_close(combined.get_submodule(path).delta_weight(), expected, atol=1e-5, rtol=1e-4)
    head = "decoder.classify.weight"
    first, second = (network.state_dict()[head] for network in networks)
    mean = (weights[0] * first + weights[1] * second) / sum(weights)
    torch.testing.assert_close(combined.state_dict()[head], mean)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    first = written(LoRA(rank=2), tmp_path / "a.safetensors", 1)
    other = written(LoRA(rank=3), tmp_path / "b.safetensors", 2)
    dylora = written(DyLoRA(rank=2), tmp_path / "c.safetensors", 2)
    out = tmp_path / "out.safetensors"
    with pytest.raises(InputError, match=r"b\.safetensors: another method than"):
        combine_loras([first, other], [1, 1], out)
    with pytest.raises(InputError, match=r"c\.safetensors: is of dylora, expected lora or lora_plus"):
        combine_loras([dylora, first], [1, 1], out)
    with pytest.raises(InputError, match="sum is not 0"):
        combine_loras([first, first], [1, -1], out)
    with pytest.raises(InputError, match="2 files, 1 weights"):
        combine_loras([first, first], [1], out)
    assert not out.exists()


@pytest.mark.parametrize("rank_stabilised", [True, False])
@pytest.mark.parametrize("rank", [1, 3, 4])
@torch.no_grad()
def test_truncated_dylora_is_the_lora_of_its_first_ranks(rank: int, rank_stabilised: bool, tmp_path: Path) -> None:
    method = DyLoRA(rank=4, rank_stabilised=rank_stabilised)
    trained = shake(apply_peft(BACKBONE.network(), method))
    save_adapter(trained, tmp_path / "all.safetensors")
    plain = truncate_dylora(tmp_path / "all.safetensors", rank, tmp_path / "cut.safetensors")
    cut = load_adapter(apply_peft(BACKBONE.network(), plain), tmp_path / "cut.safetensors")
    assert type(plain) is LoRA
    assert plain.rank == rank
    layers = [(path, layer) for path, layer in trained.named_modules() if hasattr(layer, "delta_weight")]
    for path, layer in layers:
        scaling = 8.0 / (rank**0.5 if rank_stabilised else rank)
        expected = scaling * layer.lora_b[:, :rank] @ layer.lora_a[:rank]
        torch.testing.assert_close(cut.get_submodule(path).delta_weight(), expected)
    if rank == 4:
        assert torch.equal(cut.eval()(BACKBONE.image()), trained.eval()(BACKBONE.image()))


def test_only_dylora_is_cut_and_only_to_what_it_has(tmp_path: Path) -> None:
    lora = written(LoRA(rank=2), tmp_path / "a.safetensors", 1)
    dylora = written(DyLoRA(rank=2), tmp_path / "b.safetensors", 1)
    with pytest.raises(InputError, match="is of lora, expected dylora"):
        truncate_dylora(lora, 1, tmp_path / "out.safetensors")
    for rank in (0, 3):
        with pytest.raises(InputError, match=f"rank {rank} is out of range: expected 1 to 2"):
            truncate_dylora(dylora, rank, tmp_path / "out.safetensors")
