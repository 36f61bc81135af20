"""Med-Adapters leave Python: exported for any number of slices, compiled, copied."""

from __future__ import annotations

import copy
import pickle

import torch
from torch import Tensor, nn

from segpeft.peft import MedAdapter
from tests.closeness import difference
from tests.peft.test_med_adapter import BY_METHOD, METHODS, PREVIOUS, WIDTH, socket, vit2d


class Volume(nn.Module):
    """A socket of a 2D backbone, the end of a second stage, on volumes (B, D, h, w, C)."""

    def __init__(self, method: MedAdapter) -> None:
        super().__init__()
        self.socket = socket(method, 0).float().eval()

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        grid = [x.shape[1], x.shape[2], x.shape[3]]
        return self.socket(x.flatten(0, 1).flatten(1, 2), grid, before)[0]


def volume_and_before(slices: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(slices)
    before = torch.randn(2, slices, 4, 6, PREVIOUS, generator=generator)
    return torch.randn(2, slices, 2, 3, WIDTH, generator=generator), before


@BY_METHOD
def test_exports_with_a_free_number_of_slices(method):
    depth = torch.export.Dim("depth", min=2, max=64)
    shapes = {"x": {1: depth}, "before": {1: depth}}
    network = Volume(method)
    exported = torch.export.export(network, volume_and_before(6), dynamic_shapes=shapes).module()
    for slices in (6, 4, 9):
        torch.testing.assert_close(exported(*volume_and_before(slices)), network(*volume_and_before(slices)))


@BY_METHOD
def test_compiles_to_one_graph(method):
    torch.compiler.reset()
    network, results = Volume(method).train(), []
    for run in (network, torch.compile(network, backend="aot_eager", fullgraph=True)):
        network.zero_grad(set_to_none=True)
        y = run(*volume_and_before(5))
        y.sin().sum().backward()
        weights = {
            name: p.grad for name, p in network.named_parameters() if not name.endswith(("plane.bias", "line.bias"))
        }
        results.append([y.detach(), *weights.values()])
    assert difference(*results) < 1e-4


def test_copies_and_pickles():
    network, image = vit2d(METHODS["global"]), torch.randn(8, 1, 16, 24)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other(image, slices=4)[0], network(image, slices=4)[0])
