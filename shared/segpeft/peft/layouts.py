"""Where a backbone keeps the parts that methods change: one layout a backbone, no knowledge of backbones elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.errors import InputError

from .hosts import host_vit
from .prefix_attention import prefix_swin, prefix_vit
from .swin_hosts import host_swin


def patch_dims(backbone: nn.Module) -> int:
    """Returns along how many axes the patches of ``backbone`` extend, read off its ``patch_size``.

    Raises:
        InputError: if it does not tell.
    """
    size = getattr(backbone, "patch_size", None)
    if not isinstance(size, Sequence) or len(size) not in (2, 3):
        raise InputError(f"patch_size {size} of {type(backbone).__name__}: expected 2 or 3 numbers, or a layout's dims")
    return len(size)


@dataclass(frozen=True)
class Layout:
    """A backbone as methods see it.

    Args:
        name: how the layout is called in messages and file headers.
        backbone: the class of the backbone.
        targets: the field's name of a linear layer -> its path inside a block.
        stages: the backbone -> paths of its transformer blocks, one list a stage.
        host: the backbone -> the same with sockets (:func:`segpeft.peft.hosts.host_backbone`).
        frozen: patterns (``fnmatch``) of the backbone's parameters that ``apply_peft`` freezes; others stay trainable.
        dims: the hosted backbone -> 3 if it encodes volumes, 2 if slices (the axes of a token grid are then
            ``[D, h, w]``); default: what its ``patch_size`` says.
        stage_stride: by what the grid shrinks from a stage to the next, along each axis of the patches.
        norm_names: patterns (``fnmatch``) of the names that norms have in the modules that hold them.
        unused: patterns (``fnmatch``) of parameters that the backbone holds and never computes with.
        prefixed: an attention and a prefix -> the attention with it; None if the backbone's takes none.
        feature_widths: the hosted backbone -> C of each feature that it hands to what runs beside it
            (:class:`segpeft.peft.side.Side`); None: one feature a block, as wide as its tokens.
    """

    name: str
    backbone: type[nn.Module]
    targets: dict[str, str]
    stages: Callable[[nn.Module], list[list[str]]]
    host: Callable[[nn.Module], nn.Module]
    frozen: tuple[str, ...] = field(default=("*",))
    dims: Callable[[nn.Module], int] = patch_dims
    stage_stride: int = 1
    norm_names: tuple[str, ...] = ("norm*",)
    unused: tuple[str, ...] = ()
    prefixed: Callable[[nn.Module, nn.Module], nn.Module] | None = None
    feature_widths: Callable[[nn.Module], list[int]] | None = None

    def blocks(self, backbone: nn.Module) -> list[str]:
        """Returns the paths of all transformer blocks, in the order of computation."""
        return [path for stage in self.stages(backbone) for path in stage]

    def width(self, backbone: nn.Module, block: str) -> int:
        """Returns C, the width of the tokens in the block at the path ``block``."""
        return int(backbone.get_submodule(f"{block}.{self.targets['qkv']}").in_features)  # type: ignore[arg-type]

    def rungs(self, backbone: nn.Module) -> list[int]:
        """Returns C of each feature that the hosted backbone hands to what runs beside it, shallowest first."""
        if self.feature_widths is not None:
            return self.feature_widths(backbone)
        return [self.width(backbone, block) for block in self.blocks(backbone)]

    def slice_axis(self, backbone: nn.Module) -> int:
        """Returns which axis of the token grid counts slices: 0 of ``[D, h, w]`` (2D), 2 of ``[h, w, d]`` (3D).

        Args:
            backbone: hosted.

        Raises:
            InputError: if the backbone has a class token.
        """
        if hasattr(backbone, "cls_token"):
            name = type(backbone).__name__
            raise InputError(f"{name} has a class token, which has no place in a volume: build it without")
        return 2 if self.dims(backbone) == 3 else 0

    def target_paths(self, backbone: nn.Module, targets: tuple[str, ...]) -> list[str]:
        """Returns the path of every linear layer that ``targets`` name, block by block.

        Raises:
            InputError: if a name is unknown to this layout, or the backbone has no such layer.
        """
        unknown = sorted(set(targets) - set(self.targets))
        if unknown or not targets:
            raise InputError(
                f"targets {list(targets)}: {unknown or 'none'} not in {sorted(self.targets)} of {self.name}"
            )
        paths = [f"{block}.{self.targets[target]}" for block in self.blocks(backbone) for target in targets]
        for path in paths:
            parent, _, name = path.rpartition(".")
            if not isinstance(getattr(backbone.get_submodule(parent), name, None), nn.Linear):
                raise InputError(f"target {path} of {self.name} is no linear layer")
        return paths

    def norms(self, backbone: nn.Module) -> list[str]:
        """Returns the paths of all norms that have parameters and are used, inside and outside the blocks."""
        holders = dict.fromkeys(name.rpartition(".")[0] for name in self.used(backbone))
        return [path for path in holders if _matches(path.rpartition(".")[2], self.norm_names)]

    def used(self, backbone: nn.Module) -> dict[str, nn.Parameter]:
        """Returns the backbone's parameters by name, without those that it never computes with."""
        return {name: p for name, p in backbone.named_parameters() if not _matches(name, self.unused)}

    def attention(self, block: str) -> str:
        """Returns the path of the attention in the block at the path ``block``."""
        return f"{block}.{self.targets['qkv'].rpartition('.')[0]}"

    def is_frozen(self, name: str) -> bool:
        """Tells whether the backbone's parameter ``name`` is frozen by a parameter-efficient method."""
        return _matches(name, self.frozen)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _vit_stages(backbone: nn.Module) -> list[list[str]]:
    paths = [f"blocks.{i}" for i in range(len(backbone.blocks))]  # type: ignore[arg-type]
    size = len(paths) // 4 if len(paths) % 4 == 0 else len(paths)
    return [paths[i : i + size] for i in range(0, len(paths), size)]


def _swin_stages(backbone: nn.Module) -> list[list[str]]:
    stages = []
    for name in ("layers1", "layers2", "layers3", "layers4"):
        for index, layer in enumerate(getattr(backbone, name)):
            stages.append([f"{name}.{index}.blocks.{i}" for i in range(len(layer.blocks))])
    return stages


def _swin_features(backbone: nn.Module) -> list[int]:
    width = int(backbone.embed_dim)  # type: ignore[arg-type]
    widths = [width]
    for name in ("layers1", "layers2", "layers3", "layers4"):
        width = width if getattr(backbone, name)[0].downsample is None else 2 * width
        widths.append(width)
    return widths


VIT = Layout(
    name="vit",
    backbone=ViT,
    targets={"qkv": "attn.qkv", "out_proj": "attn.out_proj", "linear1": "mlp.linear1", "linear2": "mlp.linear2"},
    stages=_vit_stages,
    host=host_vit,
    unused=("*.norm_cross_attn.*",),
    prefixed=prefix_vit,
)
"""MONAI's ViT, 2D and 3D, alone or inside UNETR. Its blocks make 4 stages where their number divides by 4, else one."""

SWIN = Layout(
    name="swin",
    backbone=SwinTransformer,
    targets={"qkv": "attn.qkv", "out_proj": "attn.proj", "linear1": "mlp.linear1", "linear2": "mlp.linear2"},
    stages=_swin_stages,
    host=host_swin,
    stage_stride=2,
    prefixed=prefix_swin,
    feature_widths=_swin_features,
)
"""MONAI's Swin transformer, 2D and 3D, alone or inside SwinUNETR. (Its convolutional patch embedding is no target.)"""

LAYOUTS: list[Layout] = [VIT, SWIN]
"""The layouts that are tried in order; a backbone of your own joins by appending one."""


def find_backbone(network: nn.Module, layout: Layout | None = None) -> tuple[str, nn.Module, Layout]:
    """Returns the path, the module and the layout of the backbone inside ``network`` ("" if it is the network itself).

    A backbone that has an attribute ``layout`` brings its own; the others are known by their class.

    Raises:
        InputError: if no layout fits any module of the network.
    """
    candidates = LAYOUTS if layout is None else [layout]
    for path, module in network.named_modules():
        own = getattr(module, "layout", None)
        if layout is None and isinstance(own, Layout):
            return path, module, own
        for candidate in candidates:
            if isinstance(module, candidate.backbone):
                return path, module, candidate
    known = ", ".join(c.backbone.__name__ for c in candidates)
    raise InputError(f"{type(network).__name__} holds no backbone of a known layout ({known}); write a Layout for it")
