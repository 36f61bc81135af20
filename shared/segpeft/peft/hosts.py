"""Hosts: MONAI's ViT with sockets in its blocks and the context that adapters need handed from block to block."""

from typing import TYPE_CHECKING

from monai.networks.blocks.transformerblock import TransformerBlock
from monai.networks.nets.vit import ViT
from torch import Tensor, cat, nn

from segpeft.errors import InputError

from .adopt import adopt
from .prompts import PassedPrompts, Prompts
from .side import NoSide, Side
from .sockets import Socket, add_sockets

if TYPE_CHECKING:
    from .layouts import Layout


def host_backbone(backbone: nn.Module, layout: "Layout") -> nn.Module:
    """Returns ``backbone`` with a socket at each position of each block, as its layout says; done once only.

    Weights, their names and, while all sockets are empty, every bit of the output stay as they were. The module that is
    passed in is left as it was and shares its weights with the result.

    Args:
        backbone: a backbone of the layout's class, hosted already or not.
        layout: where its blocks are and which host it has.

    Raises:
        InputError: if the backbone has parts that its host does not know.
    """
    return layout.host(backbone)


def host_block(block: nn.Module, host: type[nn.Module]) -> nn.Module:
    """Returns ``block`` as a ``host`` with empty sockets; its attention and MLP get registries of their own, too."""
    hosted = adopt(block, host)
    for name in ("attn", "mlp"):
        part = block.get_submodule(name)
        setattr(hosted, name, adopt(part, type(part)))
    add_sockets(hosted)
    hosted.prompts = PassedPrompts()
    return hosted


class TransformerBlockHost(TransformerBlock):
    """MONAI's pre-norm transformer block (2D and 3D ViT) with sockets; see :data:`segpeft.peft.sockets.POSITIONS`.

    Made by :func:`host_backbone`. A variant of the computation overrides :meth:`attn_branch` and :meth:`mlp_branch`.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        before_attn: Socket
        beside_attn: Socket
        after_attn: Socket
        beside_mlp: Socket
        after_mlp: Socket
        after_block: Socket
        prompts: Prompts

    def attn_branch(self, x: Tensor, grid: list[int] | None = None) -> Tensor:
        """Returns ``attn(norm1(x))`` of tokens (B, N, C); a variant may have to know their grid."""
        return self.attn(self.norm1(x))

    def mlp_branch(self, x: Tensor) -> Tensor:
        """Returns ``mlp(norm2(x))`` of tokens (B, N, C)."""
        return self.mlp(self.norm2(x))

    def forward(  # type: ignore[override]
        self, x: Tensor, grid: list[int], carry: Tensor, prompts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maps tokens (B, N, C) to tokens.

        Args:
            x: the residual stream.
            grid: of :meth:`Socket.forward`.
            carry: of :meth:`Socket.forward`.
            prompts: (B, P, C) of the block before; see :class:`segpeft.peft.prompts.Prompts`.
        """
        prompts = self.prompts(x, prompts)
        x, carry = self.before_attn(x, grid, carry)
        stream = x
        if not self.beside_attn.empty:
            beside, carry = self.beside_attn(x, grid, carry)
            stream = x + beside
        branch, prompts = self._attend(x, grid, prompts)
        branch, carry = self.after_attn(branch, grid, carry)
        x = stream + branch
        stream = x
        if not self.beside_mlp.empty:
            beside, carry = self.beside_mlp(x, grid, carry)
            stream = x + beside
        branch, carry = self.after_mlp(self.mlp_branch(x), grid, carry)
        x, carry = self.after_block(stream + branch, grid, carry)
        if prompts.shape[1] > 0:
            prompts = prompts + self.mlp_branch(prompts) if self.prompts.handed_on else prompts[:, :0]
        return x, carry, prompts

    def _attend(self, x: Tensor, grid: list[int], prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the attention's update of the tokens, and the updated prompts."""
        if prompts.shape[1] == 0:
            return self.attn_branch(x, grid), prompts
        branch = self.attn_branch(cat((x, prompts), dim=1), grid)  # (B, N + P, C)
        return branch[:, : x.shape[1]], prompts + branch[:, x.shape[1] :]


class ViTHost(ViT):
    """MONAI's ViT that hands grid, carry and prompts from block to block; stands wherever a ViT stood."""

    patch_size: list[int]

    if TYPE_CHECKING:
        side: Side

    def forward(self, x: Tensor, slices: int = 1) -> tuple[Tensor, list[Tensor]]:
        """Encodes images.

        Args:
            x: images (B, C, H, W, D), or slices (B * D, C, H, W), slices fastest, in a 2D ViT.
            slices: D of a 2D ViT; a 3D one does not look at it.

        Returns:
            The normed tokens (B, N, C) (or the class logits of a classifier), and the tokens after each block.
        """
        grid: list[int] = []
        if x.dim() == 4:
            grid.append(slices)
        for axis, size in enumerate(self.patch_size):
            grid.append(x.shape[axis + 2] // size)
        x = self.patch_embedding(x)
        if hasattr(self, "cls_token"):
            x = cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        carry = x.new_zeros([0])
        prompts = x.new_zeros([x.shape[0], 0, x.shape[2]])
        hidden: list[Tensor] = []
        for block in self.blocks:
            x, carry, prompts = block(x, grid, carry, prompts)
            hidden.append(x)
        if not self.side.empty:
            volumes = [x.reshape([-1, grid[0], grid[1], grid[2], x.shape[2]]).movedim(-1, 1) for x in hidden]
            hidden = [volume.movedim(1, -1).reshape(x.shape) for volume in self.side(volumes)]
            x = hidden[-1]
        x = self.norm(x)
        if hasattr(self, "classification_head"):
            x = self.classification_head(x[:, 0])
        return x, hidden


def host_vit(vit: nn.Module) -> nn.Module:
    """Returns a :class:`ViTHost` of MONAI's ViT, or ``vit`` itself if it is one."""
    if isinstance(vit, ViTHost):
        return vit
    if type(vit) is not ViT:
        raise InputError(f"{type(vit).__name__} is no plain ViT: it needs a layout with a host of its own")
    hosted = adopt(vit, ViTHost)
    add_vit_hosts(hosted)
    return hosted


def add_vit_hosts(vit: ViTHost) -> None:
    """Turns MONAI's blocks in ``vit`` into hosts: the part that its ``__init__`` does not know."""
    vit.patch_size = _patch_size(vit)
    vit.side = NoSide()
    blocks = vit.blocks
    vit.blocks = adopt(blocks, nn.ModuleList)
    for index, block in enumerate(blocks):
        if type(block) is not TransformerBlock or block.with_cross_attention:
            raise InputError(f"block {index} of the ViT is {type(block).__name__}: it attends across or is unknown")
        vit.blocks[index] = host_block(block, TransformerBlockHost)


def _patch_size(vit: ViT) -> list[int]:
    embedding = vit.patch_embedding.patch_embeddings
    if isinstance(embedding, nn.Sequential):  # a perceptron: its first step, einops, knows the axes p1, p2, ...
        lengths: dict[str, int] = embedding[0].axes_lengths  # type: ignore[assignment]
        return [int(lengths[f"p{axis + 1}"]) for axis in range(len(lengths))]
    return [int(size) for size in embedding.kernel_size]  # type: ignore[union-attr]
