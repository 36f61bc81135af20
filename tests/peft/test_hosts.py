"""Hosted backbones: the same bits while empty, and sockets that get what they are promised."""

from __future__ import annotations

import pytest
import torch
from monai.networks.blocks.transformerblock import TransformerBlock
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.networks.vit_encoder import slim_transformer_blocks
from segpeft.peft import POSITIONS, SWIN, VIT, EmptySocket, Socket, fill_socket, host_backbone
from tests.peft.methods import Bottleneck


def vit(dims: int = 3, **options) -> ViT:
    torch.manual_seed(0)
    size, patch = ((16, 24, 4), (8, 8, 2)) if dims == 3 else ((16, 24), (8, 8))
    return ViT(1, size, patch, 12, 16, 2, 2, spatial_dims=dims, **options)


def swin(dims: int = 2, **options) -> SwinTransformer:
    torch.manual_seed(0)
    arguments = {"window_size": (3,) * dims, "depths": (2, 1, 1, 1), "num_heads": (1, 1, 1, 1), **options}
    return SwinTransformer(1, 4, patch_size=(2,) * dims, spatial_dims=dims, **arguments)


CASES = {
    "vit3d": (vit(3), (2, 1, 16, 24, 4), VIT),
    "vit2d": (vit(2), (2, 1, 16, 24), VIT),
    "vit_slim": (slim_transformer_blocks(vit(3)), (2, 1, 16, 24, 4), VIT),
    "vit_dropout": (vit(3, dropout_rate=0.3), (2, 1, 16, 24, 4), VIT),
    "vit_perceptron": (vit(3, proj_type="perceptron"), (2, 1, 16, 24, 4), VIT),
    "vit_classifier": (vit(2, classification=True), (2, 1, 16, 24), VIT),
    "swin2d": (swin(2), (2, 1, 34, 48), SWIN),
    "swin3d": (swin(3), (1, 1, 16, 34, 20), SWIN),
    "swin_v2": (swin(2, use_v2=True), (2, 1, 32, 64), SWIN),
    "swin_drop_path": (swin(2, drop_path_rate=0.5, drop_rate=0.2), (4, 1, 32, 32), SWIN),
    "swin_checkpoint": (swin(3, use_checkpoint=True), (1, 1, 16, 16, 16), SWIN),
}
ALL = pytest.mark.parametrize(("backbone", "shape", "layout"), CASES.values(), ids=CASES)


def outputs(made) -> list[Tensor]:
    return [made] if isinstance(made, Tensor) else [tensor for part in made for tensor in outputs(part)]


class Recorder(Socket):
    """Writes down what it is called with, and hands on a count."""

    def __init__(self, log: list, position: str) -> None:
        super().__init__()
        self.log, self.position = log, position

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        self.log.append((self.position, tuple(x.shape), list(grid), carry.tolist()))
        return (torch.zeros_like(x) if self.position.startswith("beside") else x), torch.full(
            (1,), float(len(self.log))
        )


@ALL
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_empty_host_gives_upstream_outputs_and_gradients_to_the_bit(backbone, shape, layout, training):
    hosted, image = host_backbone(backbone, layout).train(training), torch.randn(shape)
    made = []
    for network in (backbone.train(training), hosted):
        torch.manual_seed(1)
        network.zero_grad()
        results = outputs(network(image))
        sum(result.square().sum() for result in results).backward()
        made.append([*results, *(p.grad for p in network.parameters() if p.grad is not None)])
    assert len(made[0]) == len(made[1])
    assert all(torch.equal(one, other) for one, other in zip(*made, strict=True))


@ALL
def test_host_keeps_keys_and_weights_and_leaves_the_backbone_alone(backbone, shape, layout):
    children = [(name, id(child)) for name, child in backbone.named_modules()]
    hosted = host_backbone(backbone, layout)
    block = hosted.get_submodule(layout.blocks(hosted)[0])
    fill_socket(block, "after_mlp", Bottleneck(layout.width(hosted, layout.blocks(hosted)[0]), beside=False))
    block.attn.qkv = nn.Linear(2, 2)
    assert [(name, id(child)) for name, child in backbone.named_modules()] == children
    again = host_backbone(backbone, layout)
    assert [*again.state_dict()] == [*backbone.state_dict()]
    assert all(one is other for one, other in zip(again.parameters(), backbone.parameters(), strict=True))


@ALL
def test_hosting_twice_is_hosting_once(backbone, shape, layout):
    hosted = host_backbone(backbone, layout)
    assert host_backbone(hosted, layout) is hosted


@pytest.mark.parametrize(
    ("backbone", "shape", "layout", "slices", "grids"),
    [
        (vit(3), (2, 1, 16, 24, 4), VIT, 1, [[2, 3, 2]] * 2),
        (vit(3, proj_type="perceptron"), (2, 1, 16, 24, 4), VIT, 1, [[2, 3, 2]] * 2),
        (vit(2), (6, 1, 16, 24), VIT, 3, [[3, 2, 3]] * 2),
        (swin(2), (6, 1, 32, 64), SWIN, 3, [[3, 16, 32]] * 2 + [[3, 8, 16], [3, 4, 8], [3, 2, 4]]),
        (swin(3), (1, 1, 16, 34, 20), SWIN, 1, [[8, 17, 10]] * 2 + [[4, 9, 5], [2, 5, 3], [1, 3, 2]]),
    ],
    ids=["vit3d", "vit_perceptron", "vit2d", "swin2d", "swin3d"],
)
@torch.no_grad()
def test_sockets_run_in_order_with_grid_and_carry(backbone, shape, layout, slices, grids):
    hosted, log = host_backbone(backbone, layout).eval(), []
    expected = outputs(hosted(torch.ones(shape)))
    for path in layout.blocks(hosted):
        for position in POSITIONS:
            fill_socket(hosted.get_submodule(path), position, Recorder(log, position))
    found = outputs(hosted(torch.ones(shape), slices=slices))
    assert [entry[0] for entry in log] == [*POSITIONS] * len(grids)
    assert [entry[2] for entry in log[:: len(POSITIONS)]] == grids
    assert [entry[3] for entry in log] == [[], *([float(count)] for count in range(1, len(log)))]
    for _, tokens, grid, _ in log:
        batch = shape[0] // slices
        assert batch * torch.Size(grid).numel() == tokens[0] * tokens[1]  # the volume is x.reshape([-1] + grid + [C])
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


class Times(Socket):
    """Multiplies by a number and adds the tokens turned by one feature, which a layer norm can't undo."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        return turned(x, self.factor), carry


def turned(x: Tensor, factor: float) -> Tensor:
    return factor * x + x.roll(1, -1)


@pytest.mark.parametrize(
    ("make", "shape", "layout"), [(vit, (1, 4, 12), VIT), (swin, (1, 2, 2, 4), SWIN)], ids=["vit", "swin"]
)
@torch.no_grad()
def test_block_computes_the_formula_of_the_positions(make, shape, layout):
    hosted = host_backbone(make(), layout).eval()
    block, x = hosted.get_submodule(layout.blocks(hosted)[0]), torch.randn(shape)
    for factor, position in enumerate(POSITIONS, start=2):
        fill_socket(block, position, Times(float(factor)))
    extra = (None,) if layout is SWIN else ()
    found, _, _ = block(x, *extra, [1, 2, 2], x.new_zeros(0), x.new_zeros(1, 0, x.shape[-1]))
    x = turned(x, 2)
    x = x + turned(block.attn_branch(x, *extra), 4) + turned(x, 3)
    x = x + turned(block.mlp_branch(x), 6) + turned(x, 5)
    torch.testing.assert_close(found, turned(x, 7))


def test_checkpointed_swin_block_trains_its_sockets():
    grads = []
    for use_checkpoint in (False, True):
        hosted = host_backbone(swin(2, use_checkpoint=use_checkpoint), SWIN).requires_grad_(False)
        torch.manual_seed(3)
        for path in SWIN.blocks(hosted):
            for position in POSITIONS:
                socket = Bottleneck(SWIN.width(hosted, path), position.startswith("beside"))
                fill_socket(hosted.get_submodule(path), position, socket)
                nn.init.normal_(socket.up.weight)
        sum(feature.square().sum() for feature in hosted(torch.ones(1, 1, 32, 32))).backward()
        grads.append([p.grad for p in hosted.parameters() if p.requires_grad])
    assert all(torch.allclose(one, other) for one, other in zip(*grads, strict=True))


class OwnViT(ViT):
    """A ViT with a forward that a host can't know."""


class OtherBlock(TransformerBlock):
    """A block that a host can't know."""


def test_host_refuses_what_it_does_not_know():
    own = OwnViT(1, (16, 16), (8, 8), 12, 16, 1, 2, spatial_dims=2)
    with pytest.raises(InputError, match="OwnViT is no plain ViT"):
        host_backbone(own, VIT)
    odd = vit()
    odd.blocks[1] = OtherBlock(12, 16, 2)
    with pytest.raises(InputError, match="block 1 of the ViT is OtherBlock"):
        host_backbone(odd, VIT)
    odd_swin = swin()
    odd_swin.layers2[0].blocks[0] = nn.Identity()
    with pytest.raises(InputError, match="block 0 of layers2 is Identity"):
        host_backbone(odd_swin, SWIN)


@pytest.mark.parametrize(
    ("block", "position", "message"),
    [
        (vit().blocks[0], "after_mlp", "TransformerBlock has no sockets"),
        (
            host_backbone(vit(), VIT).blocks[0],
            "before_mlp",
            "position 'before_mlp' is unknown: expected one of before_attn",
        ),
    ],
    ids=["not_hosted", "no_such_position"],
)
def test_fill_socket_refuses(block, position, message):
    with pytest.raises(InputError, match=message):
        fill_socket(block, position, EmptySocket())


def test_a_socket_is_as_its_block():
    block = host_backbone(vit(), VIT).double().blocks[0]
    fill_socket(block, "after_mlp", Bottleneck(12, beside=False))
    assert {parameter.dtype for parameter in block.parameters()} == {torch.float64}


def test_a_socket_holds_one_adapter():
    block = host_backbone(vit(), VIT).blocks[0]
    fill_socket(block, "beside_mlp", Times(2.0))
    with pytest.raises(InputError, match="beside_mlp holds Times already: Bottleneck does not fit in"):
        fill_socket(block, "beside_mlp", Bottleneck(12, beside=True))
