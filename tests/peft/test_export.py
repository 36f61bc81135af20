"""Adapted backbones leave Python: traced, exported and, where the backbone allows it, scripted."""

from __future__ import annotations

import warnings

import pytest
import torch
from monai.networks.nets.vit import ViT
from torch import Tensor, nn

from tests.peft.backbones import BACKBONES
from tests.peft.methods import KINDS, adapted, cells, shake

KIND_BY_BACKBONE = pytest.mark.parametrize(("method", "name"), cells(slow_except=KINDS))
SCRIPTABLE = [cell for cell in cells(slow_except=KINDS) if BACKBONES[cell.values[1]].kind is ViT]


def trained(method: str, name: str) -> tuple[nn.Module, Tensor]:
    network = shake(adapted(method, BACKBONES[name]))
    return network.get_submodule(BACKBONES[name].path), BACKBONES[name].encoder_image()


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
