"""What every phantom keeps, whatever it shows."""

import numpy as np
import pytest

from segpeft.data.phantoms.__main__ import PHANTOMS
from segpeft.errors import InputError

EVERY = pytest.mark.parametrize("phantom", PHANTOMS.values(), ids=PHANTOMS)


@EVERY
def test_cases_depend_on_seed_and_index_alone(phantom) -> None:
    first, again = (phantom.make_case(phantom.smallest_shape, 0, 1) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.label, again.label)
    for seed, index in ((0, 2), (1, 1)):
        assert not np.array_equal(first.image, phantom.make_case(phantom.smallest_shape, seed, index).image)


@EVERY
@pytest.mark.parametrize(
    ("thinner", "seed", "index", "said"),
    [(1, 0, 0, "needs three axes of at least"), (0, -1, 0, "seed -1"), (0, 0, -1, "index -1")],
    ids=["shape", "seed", "index"],
)
def test_wrong_arguments_are_refused(phantom, thinner: int, seed: int, index: int, said: str) -> None:
    height, width, slices = phantom.smallest_shape
    for make in (phantom.make_case, phantom.make_series or phantom.make_case):
        with pytest.raises(InputError, match=said):
            make((height, width, slices - thinner), seed, index)
