"""Hosts for MONAI's Swin transformer, 2D and 3D: as in :mod:`segpeft.peft.hosts`, with tokens handed to the sockets."""

from typing import TYPE_CHECKING

import torch
from monai.networks.nets.swin_unetr import (
    BasicLayer,
    SwinTransformer,
    SwinTransformerBlock,
    compute_mask,
    get_window_size,
)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from segpeft.errors import InputError

from .adopt import adopt
from .hosts import host_block
from .prompts import Prompts
from .side import NoSide, Side
from .sockets import Socket
from .swin_prompts import merge_prompts, prompted_attention

STAGES = ("layers1", "layers2", "layers3", "layers4")


class SwinTransformerBlockHost(SwinTransformerBlock):
    """MONAI's Swin block with sockets; see :data:`segpeft.peft.sockets.POSITIONS`.

    The sockets see the tokens of the whole grid, before windows are cut and after they are put together. Stochastic
    depth drops a branch with its ``after`` socket, never what stands beside it. With ``use_checkpoint`` the branches
    are recomputed in the backward pass, as upstream; the sockets are not.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        before_attn: Socket
        beside_attn: Socket
        after_attn: Socket
        beside_mlp: Socket
        after_mlp: Socket
        after_block: Socket
        prompts: Prompts

    def attn_branch(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Returns the windowed ``attn(norm1(x))`` of x (B, h, w[, d], C)."""
        if self.use_checkpoint and torch.is_grad_enabled():
            return checkpoint(self.forward_part1, x, mask, use_reentrant=False)
        return self.forward_part1(x, mask)

    def mlp_branch(self, x: Tensor) -> Tensor:
        """Returns ``mlp(norm2(x))`` of x (B, h, w[, d], C)."""
        if self.use_checkpoint and torch.is_grad_enabled():
            return checkpoint(self._normed_mlp, x, use_reentrant=False)
        return self._normed_mlp(x)

    def forward(  # type: ignore[override]
        self, x: Tensor, mask: Tensor | None, grid: list[int], carry: Tensor, prompts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps x (B, h, w[, d], C) to the same shape.

        Args:
            x: the residual stream.
            mask: which tokens of a shifted window see each other, of ``compute_mask``.
            grid: of :meth:`Socket.forward`.
            carry: of :meth:`Socket.forward`.
            prompts: (B, P, C) of the block before; see :class:`segpeft.peft.prompts.Prompts`.
        """
        prompts = self.prompts(x, prompts)
        x, carry = _through(self.before_attn, x, grid, carry)
        stream = x
        if not self.beside_attn.empty:
            beside, carry = _through(self.beside_attn, x, grid, carry)
            stream = x + beside
        branch, prompts = self._attend(x, prompts, mask)
        branch, carry = _through(self.after_attn, branch, grid, carry)
        x = stream + self.drop_path(branch)
        stream = x
        if not self.beside_mlp.empty:
            beside, carry = _through(self.beside_mlp, x, grid, carry)
            stream = x + beside
        branch, carry = _through(self.after_mlp, self.mlp_branch(x), grid, carry)
        x, carry = _through(self.after_block, stream + self.drop_path(branch), grid, carry)
        if prompts.shape[1] > 0:
            prompts = prompts + self.drop_path(self.mlp_branch(prompts)) if self.prompts.handed_on else prompts[:, :0]
        return x, carry, prompts

    def _attend(self, x: Tensor, prompts: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns the attention's update of the tokens, and the updated prompts."""
        if prompts.shape[1] == 0:
            return self.attn_branch(x, mask), prompts
        if self.use_checkpoint and torch.is_grad_enabled():
            branch, made = checkpoint(prompted_attention, self, x, prompts, mask, use_reentrant=False)
        else:
            branch, made = prompted_attention(self, x, prompts, mask)
        return branch, prompts + self.drop_path(made)

    def _normed_mlp(self, x: Tensor) -> Tensor:
        return self.mlp(self.norm2(x))


def _through(socket: Socket, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
    if socket.empty:
        return x, carry
    tokens, carry = socket(x.flatten(1, -2), grid, carry)  # (B, N, C)
    return tokens.reshape(x.shape), carry


class BasicLayerHost(BasicLayer):
    """One stage of MONAI's Swin transformer that hands grid, carry and prompts from block to block."""

    def forward(  # type: ignore[override]
        self, x: Tensor, slices: int, carry: Tensor, prompts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps x (B, C, h, w[, d]) and prompts (B, P, C) through the blocks and, if there is one, the patch merging."""
        size = list(x.shape[2:])
        grid = size if len(size) == 3 else [slices, *size]
        window, shift = get_window_size(size, self.window_size, self.shift_size)
        mask: Tensor | None = None
        if any(shift) and len(self.blocks) > 1:  # the first block of a stage never shifts its windows
            padded = [(s + w - 1) // w * w for s, w in zip(size, window, strict=True)]
            mask = compute_mask(padded, window, shift, x.device)
        x = x.movedim(1, -1)  # (B, h, w[, d], C)
        for block in self.blocks:
            x, carry, prompts = block(x, mask, grid, carry, prompts)
        if self.downsample is not None:
            x = self.downsample(x)
            prompts = merge_prompts(self.downsample, prompts, len(size))
        return x.movedim(-1, 1), carry, prompts


class SwinTransformerHost(SwinTransformer):
    """MONAI's Swin transformer that hands grid, carry and prompts from stage to stage; stands wherever one stood."""

    if TYPE_CHECKING:
        side: Side

    def forward(self, x: Tensor, normalize: bool = True, slices: int = 1) -> list[Tensor]:
        """Encodes images.

        Args:
            x: images (B, C, H, W, D), or slices (B * D, C, H, W), slices fastest, in a 2D Swin.
            normalize: whether the features are layer-normed over their channels.
            slices: D of a 2D Swin; a 3D one does not look at it.

        Returns:
            Five features: the patch embedding and what each of the four stages makes.
        """
        x = self.pos_drop(self.patch_embed(x))
        beside = not self.side.empty
        features = [x if beside else self.proj_out(x, normalize)]
        carry = x.new_zeros([0])
        prompts = x.new_zeros([x.shape[0], 0, x.shape[1]])
        for name in STAGES:
            if self.use_v2:
                x = getattr(self, f"{name}c")[0](x.clone() if beside else x.contiguous())  # it works in place
            x, carry, prompts = getattr(self, name)[0](x.contiguous(), slices, carry, prompts)
            features.append(x if beside else self.proj_out(x, normalize))
        if not beside:
            return features
        return [self.proj_out(feature, normalize) for feature in self._with_side(features, slices)]

    def _with_side(self, features: list[Tensor], slices: int) -> list[Tensor]:
        """Returns what the network beside the backbone makes of its features (B, C_i, h, w[, d])."""
        if features[0].dim() == 5:
            return self.side(features)
        volumes = [x.unflatten(0, [-1, slices]).movedim(2, 1) for x in features]  # (B, C_i, D, h, w)
        return [volume.movedim(1, 2).flatten(0, 1) for volume in self.side(volumes)]


def host_swin(swin: nn.Module) -> nn.Module:
    """Returns a :class:`SwinTransformerHost` of MONAI's Swin transformer, or ``swin`` itself if it is one."""
    if isinstance(swin, SwinTransformerHost):
        return swin
    if type(swin) is not SwinTransformer:
        raise InputError(f"{type(swin).__name__} is no plain SwinTransformer: it needs a layout with a host of its own")
    hosted = adopt(swin, SwinTransformerHost)
    add_swin_hosts(hosted)
    return hosted


def add_swin_hosts(swin: SwinTransformerHost) -> None:
    """Turns MONAI's stages in ``swin`` into hosts: the part that its ``__init__`` does not know."""
    swin.side = NoSide()
    for name in STAGES:
        stages = adopt(getattr(swin, name), nn.ModuleList)
        stages[0] = _host_stage(stages[0], name)  # type: ignore[arg-type]
        setattr(swin, name, stages)


def _host_stage(stage: BasicLayer, name: str) -> nn.Module:
    hosted = adopt(stage, BasicLayerHost)
    hosted.blocks = adopt(stage.blocks, nn.ModuleList)
    for index, block in enumerate(stage.blocks):
        if type(block) is not SwinTransformerBlock:
            raise InputError(f"block {index} of {name} is {type(block).__name__}: expected a SwinTransformerBlock")
        hosted.blocks[index] = host_block(block, SwinTransformerBlockHost)
    return hosted
