"""The methods of the contract matrix, and its cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.peft import (
    POSITIONS,
    VPT,
    AdapterBias,
    AdapterDrop,
    AdaptFormer,
    BitFit,
    ChannelLoRA,
    Combination,
    Compacter,
    DecoderOnly,
    DoRA,
    DyLoRA,
    FacT,
    Full,
    Houlsby,
    LadderSideTuning,
    Layout,
    LNLoRA,
    LoRA,
    LoRAPlus,
    MedAdapter,
    Method,
    NormTuning,
    ParallelAdapter,
    PrefixTuning,
    PromptTuning,
    ProTuning,
    Socket,
    STAdapter,
    apply_peft,
    fill_socket,
    host_backbone,
    known_methods,
    trainable_parameters,
)
from tests.peft.backbones import BACKBONES, Backbone
from tests.peft.method_counts import (
    after_the_first,
    bottleneck_count,
    compacter_count,
    fact_count,
    houlsby_count,
    ladder_count,
    med_count,
    nothing,
    per_block,
)


class Bottleneck(Socket):
    """Down, mix neighbours of the volume, GELU, up; what is between goes on to the next one."""

    def __init__(self, width: int, beside: bool) -> None:
        super().__init__()
        self.beside = beside
        self.down = nn.Linear(width, 2)
        self.mix = nn.Conv3d(2, 2, (3, 1, 1), padding=(1, 0, 0))
        self.up = nn.Linear(2, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        volume = self.down(x).reshape([-1, grid[0], grid[1], grid[2], 2])
        low = self.mix(volume.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1).reshape([x.shape[0], x.shape[1], 2])
        low = F.gelu(low)
        if carry.dim() == 3:
            low = low + carry
        out = self.up(low) if self.beside else x + self.up(low)
        return out, low.mean(1, keepdim=True)


@dataclass(frozen=True)
class Bottlenecks(Method):
    """One :class:`Bottleneck` at ``position`` of every block: a method as another paper would add it."""

    name: ClassVar[str] = "bottlenecks"
    position: str = "after_block"

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            socket = Bottleneck(layout.width(backbone, path), self.position.startswith("beside"))
            fill_socket(backbone.get_submodule(path), self.position, socket)
        return backbone


MED_FULL = MedAdapter(alpha=3, frequencies=3)
MED_REFERENCE = MedAdapter(alpha=4, fusion="max", variant="reference", slices=6, init="default")
MED_LARGE = MedAdapter(alpha=2.5, conv5=False, fft=False, mixing=False, large_kernel=5, fusion="none")


METHODS: dict[str, tuple[Method, Callable[[Backbone], int]]] = {
    "lora_rs": (LoRA(rank=2), per_block(lambda d, m: 2 * (d + 3 * d + 2 * d))),
    "lora_standard": (
        LoRA(rank=3, alpha=6, rank_stabilised=False, init="gaussian", targets=("out_proj", "linear1", "linear2")),
        per_block(lambda d, m: 3 * (2 * d + 2 * (d + m))),
    ),
    "lora_qv": (LoRA(rank=2, targets=("q", "v", "linear1")), per_block(lambda d, m: 2 * (2 * 2 * d + d + m))),
    "channel_lora": (
        ChannelLoRA(rank=2, channels=3, targets=("out_proj", "linear1"), recompute=False),
        per_block(lambda d, m: 3 * 2 * (2 * d + d + m)),
    ),
    "channel_lora_recompute": (
        ChannelLoRA(rank=2, channels=3, targets=("qkv", "out_proj", "linear1", "linear2")),
        per_block(lambda d, m: 3 * 2 * (6 * d + 2 * (d + m))),
    ),
    "med_adapter": (MED_FULL, med_count(MED_FULL)),
    "med_adapter_reference": (MED_REFERENCE, med_count(MED_REFERENCE)),
    "med_adapter_large": (MED_LARGE, med_count(MED_LARGE)),
    "decoder_only": (DecoderOnly(), nothing),
    "full": (Full(), nothing),
    "houlsby": (Houlsby(reduction=4), per_block(houlsby_count)),
    "adaptformer": (AdaptFormer(bottleneck_dim=5), per_block(lambda d, m: 2 * d * 5 + 5 + d)),
    "st_adapter": (STAdapter(), per_block(lambda d, m: 2 * d * (d // 2) + d // 2 + d + 4 * (d // 2))),
    "pro_tuning": (ProTuning(), lambda b: sum(2 * d * d + 28 * d for d in b.stage_widths)),
    "vpt_shallow": (VPT(num_prompts=3, deep=False), lambda b: 3 * b.widths[0][0]),
    "vpt_deep": (VPT(num_prompts=3), per_block(lambda d, m: 3 * d)),
    "bitfit": (BitFit(), nothing),
    "bitfit_targets": (BitFit(targets=("out_proj", "linear1")), nothing),
    "norm_tuning": (NormTuning(), nothing),
    "lora_plus": (LoRAPlus(rank=2), per_block(lambda d, m: 12 * d)),
    "dora": (DoRA(rank=2), per_block(lambda d, m: 12 * d + 4 * d)),
    "ln_lora": (LNLoRA(rank=4), per_block(lambda d, m: 24 * d + 16)),
    "dylora": (DyLoRA(rank=2), per_block(lambda d, m: 12 * d)),
    "adapter_bias": (AdapterBias(), per_block(lambda d, m: 2 * d + 1)),
    "adapter_drop": (AdapterDrop(reduction=4, drop=1), after_the_first(houlsby_count)),
    "parallel_adapter": (
        ParallelAdapter(bottleneck_dim=9, scale=0.5, sublayers=("attn", "mlp")),
        per_block(lambda d, m: 2 * (2 * d * 9 + 9 + d)),
    ),
    "compacter": (Compacter(reduction=2, terms=2), compacter_count),
    "fact_tt": (FacT(rank=2, targets=("qkv", "out_proj")), fact_count(2 * 2, 0)),
    "fact_tk": (FacT(rank=2, format="tk", targets=("qkv", "out_proj")), fact_count(2, 2**3)),
    "prompt_tuning": (PromptTuning(num_prompts=3), lambda b: 3 * b.widths[0][0]),
    "prefix": (PrefixTuning(num_prefix=3), per_block(lambda d, m: 2 * 3 * d)),
    "prefix_mlp": (
        PrefixTuning(num_prefix=3, hidden=4),
        per_block(lambda d, m: 3 * d + (d + 1) * 4 + (4 + 1) * 2 * d),
    ),
    "ladder": (LadderSideTuning(reduction=2), ladder_count),
    "lora_and_bitfit": (Combination((LoRA(rank=2), BitFit())), per_block(lambda d, m: 12 * d)),
    "adapter_and_prompts": (
        Combination((Houlsby(reduction=4), VPT(num_prompts=3))),
        per_block(lambda d, m: houlsby_count(d, m) + 3 * d),
    ),
    **{f"bottleneck_{position}": (Bottlenecks(position), per_block(bottleneck_count)) for position in POSITIONS},
}
"""Name -> the method and how many parameters it adds to a backbone."""

SHIPPED = sorted(name for name, cls in known_methods().items() if cls.__module__.startswith("segpeft.peft."))
SHIPPED.remove("combination")
"""The names of the package's methods, those of tests left out, that need nothing but their defaults."""

BASE_TRAINED = {
    "bitfit": r".*bias",
    "lora_and_bitfit": r".*bias",
    "bitfit_targets": r".*\.(out_proj|attn\.proj|linear1)\.bias",
    "norm_tuning": r".*\bnorm[^.]*\.(weight|bias)",
}
"""Which of the backbone's own parameters a method trains, as a pattern of their names."""

FREEZES_ALL = {"ladder"}
"""The methods that leave nothing of the backbone trainable, whatever its layout says."""

ATTENDED = "what is attended to is drawn at random, and takes its share of every attention"
NO_IDENTITY = {
    **dict.fromkeys(
        ("vpt_shallow", "vpt_deep", "prompt_tuning", "prefix", "prefix_mlp", "adapter_and_prompts"), ATTENDED
    ),
    "med_adapter_reference": "starts as published, with up-projections that are not 0",
}
"""The methods that change the output from the start, with the reason of principle."""

MED_ADAPTERS = ("med_adapter", "med_adapter_reference", "med_adapter_large")
NORMED_AWAY = dict.fromkeys(MED_ADAPTERS, (".line.bias", ".plane.bias"))
"""Name endings of parameters whose gradient is 0: a batch norm takes out a constant (that of ``plane`` if D = 1)."""

ONE_IMAGE_A_ROW = "a row of the batch is a whole image with all its channels, so there is no channel to adapt to"
EXCLUDED = {
    (method, backbone): ONE_IMAGE_A_ROW
    for method in ("channel_lora", "channel_lora_recompute")
    for backbone in ("unetr", "slice_vit", "slice_swin", "swin_unetr")
}
"""The cells that can't exist, with the reason of principle."""

KINDS = {
    "lora_qv",
    "channel_lora_recompute",
    "bottleneck_after_block",
    "med_adapter",
    "vpt_shallow",
    "fact_tt",
    "prefix",
    "ladder",
}
"""One method for each kind of injection: linear layers, linear layers by channel with a block of their own, sockets,
sockets that convolve and filter volumes, prompts, layers that share tensors, attention, a network beside."""

SLOW = {
    *(
        (f"bottleneck_{position}", "swin_unetr")
        for position in ("before_attn", "beside_attn", "after_attn", "after_mlp")
    ),
    *((method, "swin_unetr") for method in ("houlsby", "adaptformer", "st_adapter", "pro_tuning", "vpt_deep")),
    *((method, "unetr") for method in ("houlsby", "adaptformer", "vpt_deep")),
    *(("med_adapter_large", name) for name in BACKBONES if name != "slice_vit"),
}
"""Cells on the most expensive network whose blocks, of the same class, are tried in 2D as well."""


def cells(slow_except: set[str] | None = None) -> list:
    """Returns (method, backbone) of the matrix as pytest parameters; if given, all but some methods ``slow``."""
    params = []
    for method in METHODS:
        for backbone in BACKBONES:
            if (method, backbone) not in EXCLUDED:
                slow = (method, backbone) in SLOW if slow_except is None else method not in slow_except
                marks = [pytest.mark.slow] if slow else []
                params.append(pytest.param(method, backbone, marks=marks, id=f"{method}-{backbone}"))
    return params


def adapted(method: str, backbone: Backbone, seed: int = 0) -> nn.Module:
    """Returns the backbone's network with the method applied."""
    with torch.random.fork_rng():
        torch.manual_seed(seed + 100)
        return apply_peft(backbone.network(seed), METHODS[method][0]).eval()


def shake(network: nn.Module, seed: int = 1) -> nn.Module:
    """Moves every trainable parameter, so that nothing stays at its initial zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in trainable_parameters(network):
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return network
