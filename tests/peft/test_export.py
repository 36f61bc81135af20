"""Adapted backbones leave Python: traced, exported and, where the backbone allows it, scripted."""

from __future__ import annotations

import warnings

import pytest
import torch
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from segpeft.networks.slice_vit import SLICE_VIT
from segpeft.networks.slices import fold_slices
from segpeft.peft import VPT, ProTuning, STAdapter
from tests.peft.backbones import BACKBONES
from tests.peft.methods import KINDS, Bottlenecks, adapted, cells, shake

KIND_BY_BACKBONE = pytest.mark.parametrize(("method", "name"), cells(slow_except=KINDS))
SCRIPTABLE = [cell for cell in cells(slow_except=KINDS) if BACKBONES[cell.values[1]].kind is ViT]


def trained(method: str, name: str) -> tuple[nn.Module, Tensor]:
    return BACKBONES[name].encoder(shake(adapted(method, BACKBONES[name])))


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit.* is deprecated", category=DeprecationWarning)
        yield


@KIND_BY_BACKBONE
@torch.no_grad()
def test_traced_backbone_gives_the_same_output(method, name):
    encoder, image = trained(method, name)
    traced = torch.jit.trace(encoder, image, check_trace=False, strict=False)
    torch.testing.assert_close(traced(image * 0.5), encoder(image * 0.5))


@KIND_BY_BACKBONE
@torch.no_grad()
def test_exported_backbone_gives_the_same_output(method, name):
    encoder, image = trained(method, name)
    exported = torch.export.export(encoder, (image,)).module()
    torch.testing.assert_close(exported(image * 0.5), encoder(image * 0.5))


@pytest.mark.parametrize(("method", "name"), SCRIPTABLE)
@torch.no_grad()
def test_scripted_backbone_gives_the_same_output(method, name):
    encoder, image = trained(method, name)
    torch.testing.assert_close(torch.jit.script(encoder)(image), encoder(image))


@pytest.mark.parametrize(
    "method", [Bottlenecks(), STAdapter(), ProTuning(), VPT(deep=False)], ids=lambda method: method.name
)
def test_export_with_a_free_number_of_slices(method):
    hosted = shake(method.inject(BACKBONES["slice_vit"].network().encoder, SLICE_VIT)).eval()

    class Volume(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vit = hosted

        def forward(self, x: Tensor) -> Tensor:
            return self.vit(fold_slices(x), x.shape[4])[0]

    depth = torch.export.Dim("depth", min=2, max=16)
    exported = torch.export.export(Volume(), (torch.ones(1, 1, 16, 24, 5),), dynamic_shapes={"x": {4: depth}}).module()
    image = torch.randn(1, 1, 16, 24, 7)
    torch.testing.assert_close(exported(image), Volume()(image))
