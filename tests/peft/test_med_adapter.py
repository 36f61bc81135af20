"""Med-Adapters: the paper's formula, volumes of any number of slices, and what leaves Python."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import SWIN, VIT, MedAdapter, apply_peft, load_adapter, save_adapter, trainable_state
from segpeft.peft.med_adapter import InterFI, MedAdapterSocket
from tests.closeness import distance
from tests.peft.backbones import BACKBONES
from tests.peft.backbones import VIT as SMALL
from tests.peft.methods import shake

WIDTH, HIDDEN, PREVIOUS = 8, 4, 3
METHODS = {
    "global": MedAdapter(alpha=3, frequencies=3),
    "reference": MedAdapter(alpha=3, variant="reference", slices=4, fusion="add"),
    "large": MedAdapter(alpha=3, fft=False, large_kernel=3, fusion="max"),
}
BY_METHOD = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def vit2d(method: MedAdapter, layers: int = 4) -> nn.Module:
    """A 2D ViT of ``layers`` stages on slices of 16 x 24, its adapters moved off their start."""
    torch.manual_seed(0)
    vit = ViT(1, (16, 24), (8, 8), num_layers=layers, spatial_dims=2, **SMALL)
    return shake(apply_peft(vit, method)).eval()


def socket(method: MedAdapter, axis: int, strides: tuple[int, int, int] = (1, 2, 2)) -> MedAdapterSocket:
    torch.manual_seed(0)
    inter_fi = InterFI(PREVIOUS, HIDDEN, strides, method.fusion)
    made = MedAdapterSocket(WIDTH, method._intra_fe(HIDDEN), inter_fi, axis, method.init).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.5)
    return made


def literal(made: MedAdapterSocket, x: Tensor, before: Tensor, fusion: str) -> tuple[Tensor, Tensor]:
    """The paper's steps on channel-first volumes x (B, C, D, H, W) and H_prev (B, C', D, H', W')."""
    z = F.gelu(pointwise(made.down, x))
    y = torch.zeros_like(z)
    for name, branch in made.intra_fe.branches.items():
        if name in ("conv3", "conv5"):
            plane, line = branch.plane, branch.line
            one = F.conv3d(z, plane.weight, plane.bias, padding="same", groups=HIDDEN)
            one = F.relu(branch.norm(F.conv3d(one, line.weight, line.bias, padding="same", groups=HIDDEN)))
        elif name == "large":
            one = branch.conv(z)
        else:
            one = branch(z.movedim(1, -1)).movedim(-1, 1)
        y = y + one
    feature, aligned = pointwise(made.intra_fe.mixing, y), made.inter_fi.align(before)
    if fusion == "concat":
        feature = pointwise(made.inter_fi.fuse, torch.cat([feature, aligned], 1))
    else:
        feature = feature + aligned if fusion == "add" else torch.maximum(feature, aligned)
    return x + F.gelu(pointwise(made.up, z + feature)), feature


def pointwise(linear: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x.movedim(1, -1), linear.weight, linear.bias).movedim(-1, 1)


@BY_METHOD
@pytest.mark.parametrize("axis", [0, 2], ids=["2d", "3d"])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_computes_the_papers_formula(method, axis, training):
    made = socket(method, axis).train(training)
    generator = torch.Generator().manual_seed(1)
    volume = torch.randn(2, WIDTH, 5, 4, 6, generator=generator, dtype=torch.float64)  # (B, C, D, H, W)
    before = torch.randn(2, PREVIOUS, 5, 8, 12, generator=generator, dtype=torch.float64)
    expected, handed_on = literal(copy.deepcopy(made), volume, before, method.fusion)

    def tokens(one: Tensor) -> Tensor:
        if axis == 0:
            return one.permute(0, 2, 3, 4, 1).reshape(2 * 5, 24, WIDTH)  # slices fastest
        return one.permute(0, 3, 4, 2, 1).reshape(2, 120, WIDTH)

    grid = [5, 4, 6] if axis == 0 else [4, 6, 5]
    found, carry = made(tokens(volume), grid, before.movedim(1, -1))
    torch.testing.assert_close(found, tokens(expected))
    torch.testing.assert_close(carry, handed_on.movedim(1, -1))


@pytest.mark.parametrize("axis", [0, 2], ids=["2d", "3d"])
def test_socket_passes_gradcheck(axis):
    made = socket(METHODS["global"], axis, (1, 1, 1)).eval()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((3, 4, WIDTH) if axis == 0 else (1, 12, WIDTH), generator=generator, dtype=torch.float64)
    before = torch.randn(1, 3, 2, 2, PREVIOUS, generator=generator, dtype=torch.float64)
    grid = [3, 2, 2] if axis == 0 else [2, 2, 3]
    assert torch.autograd.gradcheck(lambda a, b: made(a, grid, b), (x.requires_grad_(), before.requires_grad_()))


@pytest.mark.parametrize("name", BACKBONES)
def test_inter_fi_ends_every_stage_but_the_first(name):
    backbone = BACKBONES[name]
    network = apply_peft(backbone.network(), MedAdapter(alpha=3))
    found = [module for _, module in network.named_modules() if isinstance(module, MedAdapterSocket)]
    ends = [sum(backbone.stages[: stage + 1]) - 1 for stage in range(len(backbone.stages))]
    assert [index for index, one in enumerate(found) if isinstance(one.inter_fi, InterFI)] == ends[1:]
    assert len(found) == sum(backbone.stages)
    kernels = {one.inter_fi.align.kernel_size for one in found if isinstance(one.inter_fi, InterFI)}
    merged = 2 * backbone.stage_stride - 1
    assert kernels <= {((merged if backbone.dims == 3 else 1), merged, merged)}


@torch.no_grad()
def test_a_stage_sees_what_the_one_before_found():
    hidden = []
    for change in (0.0, 1.0):
        network = vit2d(MedAdapter(alpha=3), layers=2 * 4)
        first = network.blocks[1].after_block  # ends the first stage
        first.intra_fe.mixing.bias.add_(change)
        nn.init.zeros_(first.up.weight)  # the change has no way but what is handed on
        nn.init.zeros_(first.up.bias)
        hidden.append(network(torch.ones(3, 1, 16, 24).cumsum(0), slices=3)[1])
    assert [torch.equal(*pair) for pair in zip(*hidden, strict=True)][:4] == [True, True, True, False]


@BY_METHOD
@torch.no_grad()
def test_slices_of_a_volume_see_each_other_and_no_other_volume(method):
    network = vit2d(method)
    image = torch.randn(2 * 4, 1, 16, 24)
    before = network(image, slices=4)[0]
    image[5] += torch.randn(1, 16, 24)
    changed = (network(image, slices=4)[0] - before).abs().amax((1, 2))
    assert torch.equal(changed[:4], torch.zeros(4))
    assert changed[4:].min() > 1e-6


@BY_METHOD
@pytest.mark.parametrize("slices", [1, 3, 7])
def test_trained_with_four_slices_it_takes_another_number(method, slices):
    network = vit2d(method).train()
    network(torch.randn(8, 1, 16, 24), slices=4)[0].square().mean().backward()
    tokens, _ = network.eval()(torch.randn(2 * slices, 1, 16, 24), slices=slices)
    assert tokens.shape == (2 * slices, 6, 12)
    assert tokens.isfinite().all()


def test_running_statistics_are_part_of_the_adapter_file(tmp_path):
    backbone = BACKBONES["slice_swin"]
    trained, loaded = (apply_peft(backbone.network(), MedAdapter(alpha=4)) for _ in range(2))
    trained.train()(backbone.image())
    save_adapter(trained, tmp_path / "adapter.safetensors")
    load_adapter(loaded, tmp_path / "adapter.safetensors")
    names = [name for name in trainable_state(trained) if name.endswith("running_mean")]
    assert len(names) == 2 * sum(backbone.stages)
    assert any(
        not torch.equal(trained.state_dict()[name], torch.zeros_like(loaded.state_dict()[name])) for name in names
    )
    assert torch.equal(loaded.eval()(backbone.image()), trained.eval()(backbone.image()))


def test_batch_norms_can_be_synchronised():
    network = vit2d(METHODS["global"])
    image, names = torch.randn(6, 1, 16, 24), list(network.state_dict())
    expected = network(image, slices=3)[0]
    network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    assert sum(isinstance(module, nn.SyncBatchNorm) for module in network.modules()) == 2 * 4
    assert list(network.state_dict()) == names
    torch.testing.assert_close(network(image, slices=3)[0], expected)


@BY_METHOD
def test_trains_under_autocast(method):
    results = []
    for short in (False, True):
        network = vit2d(method).train()
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            y = network(torch.ones(8, 1, 16, 24).cumsum(0), slices=4)[0]
        y.float().square().mean().backward()
        results.append([y.detach(), network.blocks[0].after_block.down.weight.grad])
    assert 0 < distance(*results) < 0.1


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"alpha": 0.5}, "alpha 0.5 is out of range: expected at least 1"),
        ({"fusion": "sum"}, "fusion 'sum' is unknown: expected one of none, add, max, concat"),
        ({"variant": "local"}, "variant 'local' is unknown"),
        ({"init": "ones"}, "init 'ones' is unknown"),
        ({"slices": 0}, "slices 0 is out of range"),
        ({"frequencies": 2.5}, "frequencies 2.5 is out of range"),
        ({"large_kernel": 4, "fft": False}, "large_kernel 4 is out of range: expected an odd integer"),
        ({"large_kernel": 9}, "large_kernel 9 stands in place of the Fourier branch: expected fft False"),
        ({"conv3": False, "conv5": False, "fft": False}, "expected at least one branch"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_refuses_hyper_parameters(knobs, message):
    with pytest.raises(InputError, match=message):
        MedAdapter(**knobs)


def test_refuses_a_width_that_alpha_leaves_nothing_of():
    with pytest.raises(InputError, match="alpha 9 leaves nothing of width 8 of layers1.0.blocks.0"):
        apply_peft(BACKBONES["slice_swin"].network(), MedAdapter(alpha=9))


@torch.no_grad()
def test_a_layout_of_ones_own_needs_no_more_than_its_stages():
    torch.manual_seed(0)
    vit = ViT(1, (16, 24), (8, 8), num_layers=2, spatial_dims=2, **SMALL)
    layout = replace(VIT, name="own", stages=_each_block_a_stage)
    network = shake(apply_peft(vit, MedAdapter(alpha=3), layout))
    assert isinstance(network.blocks[1].after_block.inter_fi, InterFI)
    assert network(torch.randn(6, 1, 16, 24), slices=3)[0].shape == (6, 6, 12)


def _each_block_a_stage(backbone: nn.Module) -> list[list[str]]:
    return [[f"blocks.{index}"] for index in range(len(backbone.blocks))]


def test_a_backbone_that_does_not_tell_its_axes_needs_a_layout_that_does():
    network = vit2d(METHODS["global"])
    network.patch_size = 8
    with pytest.raises(InputError, match="patch_size 8 of ViTHost: expected 2 or 3 numbers, or a layout's dims"):
        VIT.dims(network)
    assert (SWIN.stage_stride, VIT.stage_stride) == (2, 1)
