"""Compacter: the Kronecker sum, what is shared, what cannot be cut."""

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import Compacter, apply_peft
from segpeft.peft.compacter import KroneckerBasis, KroneckerLinear
from tests.peft.backbones import BACKBONES


def test_weight_is_the_sum_of_kronecker_products() -> None:
    torch.manual_seed(0)
    basis = KroneckerBasis(2)
    layer = KroneckerLinear(6, 8, 3, basis, zero=False).double()
    parts = [torch.kron(basis.matrices[i], layer.left[i] @ layer.right[i]) for i in range(2)]
    torch.testing.assert_close(layer.weight(), sum(parts))
    x = torch.randn(5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(x), x @ sum(parts).T + layer.bias)


@pytest.mark.parametrize(("mlp_only", "adapters"), [(False, 8), (True, 4)])
def test_all_adapters_share_one_basis(mlp_only: bool, adapters: int) -> None:
    network = apply_peft(BACKBONES["slice_vit"].network(), Compacter(reduction=2, terms=2, mlp_only=mlp_only))
    layers = [module for module in network.modules() if isinstance(module, KroneckerLinear)]
    assert len(layers) == 2 * adapters
    assert len({id(layer.basis) for layer in layers}) == 1


def test_terms_have_to_divide_the_widths() -> None:
    with pytest.raises(InputError, match="terms 5 does not divide 12 and 6"):
        apply_peft(BACKBONES["slice_vit"].network(), Compacter(reduction=2, terms=5))
