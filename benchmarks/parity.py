"""Batched channel LoRA against the loop that switches adapters, in float64: the same outputs and gradients."""

import torch
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from benchmarks.switching_loop import LAYERS, SwitchingLoop
from benchmarks.targets import Section, Target
from segpeft.networks.vit_encoder import slim_transformer_blocks
from segpeft.peft import ChannelLoRA, ChannelLoRALinear, apply_peft

CHANNELS, RANK, BATCH = 4, 8, 2
SIZES = {"hidden_size": 96, "mlp_dim": 384, "num_layers": 4, "num_heads": 6}
BOUND = 1e-12


def parity() -> Section:
    """Compares a ViT of 4 blocks, width 96, on 2 images of 4 channels and 32^3 voxels; recomputation off and on."""
    image = torch.randn(BATCH, CHANNELS, 32, 32, 32, dtype=torch.float64)
    rows, worst = [], 0.0
    for recompute in (False, True):
        batched = _batched(recompute)
        loop = SwitchingLoop(_vit(), CHANNELS, RANK, _layers(batched)[0].scaling)
        loop.load_batched(_layers(batched))
        found = _differences(_batched_step(batched, image), _loop_step(loop, image))
        worst = max(worst, *found.values())
        rows.append({"recompute": recompute, **found})
    note = (
        "Largest difference of a tensor, relative to its largest magnitude; float64, 4 blocks of width 96, 4 channels."
    )
    target = Target("batched against loop, float64: largest relative difference", worst, BOUND)
    return Section("Batched channel LoRA gives what the loop gives", note, rows, [target])


def _vit() -> ViT:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ViT(1, (32, 32, 32), (16, 16, 16), **SIZES).double()  # type: ignore[arg-type]


def _batched(recompute: bool) -> nn.Module:
    targets = ("qkv", "out_proj", "linear1", "linear2")
    method = ChannelLoRA(rank=RANK, channels=CHANNELS, targets=targets, recompute=recompute)
    network = apply_peft(slim_transformer_blocks(_vit()), method)
    for layer in _layers(network):
        nn.init.normal_(layer.lora_b, std=0.1)
    return network


def _layers(network: nn.Module) -> list[ChannelLoRALinear]:
    return [block.get_submodule(path) for block in network.blocks for path in LAYERS]  # type: ignore[union-attr]


def _batched_step(network: nn.Module, image: Tensor) -> dict[str, list[Tensor]]:
    leaf = image.clone().requires_grad_()
    last, hidden = network(leaf.transpose(0, 1).flatten(0, 1).unsqueeze(1))
    sum(one.square().mean() for one in (last, *hidden)).backward()
    outputs = [last.detach(), *(one.detach() for one in hidden)]
    layers = _layers(network)
    return {
        "outputs": outputs,
        "image": [leaf.grad],
        "lora_a": [layer.lora_a.grad for layer in layers],
        "lora_b": [layer.lora_b.grad for layer in layers],
    }


def _loop_step(loop: SwitchingLoop, image: Tensor) -> dict[str, list[Tensor]]:
    leaf = image.clone().requires_grad_()
    by_channel = [[last, *hidden] for last, hidden in loop(leaf)]
    outputs = [torch.cat(channels) for channels in zip(*by_channel, strict=True)]  # (C * B, N, d) each
    sum(one.square().mean() for one in outputs).backward()  # type: ignore[union-attr]
    return {
        "outputs": [one.detach() for one in outputs],
        "image": [leaf.grad],  # type: ignore[list-item]
        "lora_a": [torch.stack([a.grad for a in layer.lora_a]) for layer in loop.switched],
        "lora_b": [torch.stack([b.grad for b in layer.lora_b]) for layer in loop.switched],
    }


def _differences(ours: dict[str, list[Tensor]], theirs: dict[str, list[Tensor]]) -> dict[str, float]:
    return {
        name: max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours[name], theirs[name], strict=True))
        for name in ours
    }
