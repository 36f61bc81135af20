"""FacT: the formula for every shape of layer, what is shared, and what cannot be cut."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import FacT, FacTLinear, apply_peft, merge
from segpeft.peft.fact import SharedFactors
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

SHAPES = {"square": (6, 6), "three": (6, 18), "four up": (6, 24), "four down": (24, 6)}


@pytest.mark.parametrize("form", ["tt", "tk"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_update_is_the_decomposed_tensor_piece_by_piece(shape: tuple[int, int], form: str) -> None:
    torch.manual_seed(0)
    method = FacT(rank=3, scale=0.7, format=form)
    shared = SharedFactors(6, 3, form == "tk")
    layer = FacTLinear.from_linear(nn.Linear(*shape), shared, method).double()
    nn.init.normal_(shared.v)
    cuts = max(shape) // 6
    if form == "tk":
        middles = [sum(layer.fact[j, p] * shared.core[p] for p in range(3)) for j in range(cuts)]
    else:
        middles = list(layer.fact)
    squares = [0.7 * (shared.u @ middle @ shared.v.T).T for middle in middles]  # out x in
    update = torch.cat(squares, 1 if shape[0] > shape[1] else 0)
    x = torch.randn(4, shape[0], dtype=torch.float64)
    torch.testing.assert_close(layer.delta_weight(), update)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight + update, layer.bias))


def test_layers_of_one_width_share_their_factors() -> None:
    network = apply_peft(BACKBONES["slice_swin"].network(), FacT(rank=2))
    layers = [module for module in network.modules() if isinstance(module, FacTLinear)]
    by_width: dict[int, set[int]] = {}
    for layer in layers:
        by_width.setdefault(layer.shared.u.shape[0], set()).add(id(layer.shared))
    assert len(layers) == 4 * 5
    assert {width: len(found) for width, found in by_width.items()} == {8: 1, 16: 1, 32: 1, 64: 1}


@torch.no_grad()
def test_mlp_of_a_swin_transformer_merges() -> None:
    network = shake(apply_peft(BACKBONES["slice_swin"].network(), FacT(rank=2, format="tk")))
    image = BACKBONES["slice_swin"].image()
    torch.testing.assert_close(merge(network)(image), network(image), atol=1e-4, rtol=1e-4)


def test_a_layer_that_is_not_made_of_squares_is_refused() -> None:
    with pytest.raises(InputError, match="a layer 12 -> 16 is not made of squares of side 12"):
        apply_peft(BACKBONES["slice_vit"].network(), FacT())
    with pytest.raises(InputError, match="format 'cp' is unknown"):
        FacT(format="cp")
