import sys
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Bundles change the hook for uncaught errors, the path of imports and random states."""
    hook, path, state, threads = sys.excepthook, list(sys.path), torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    sys.excepthook, sys.path[:] = hook, path
    torch.set_rng_state(state)
    torch.set_num_threads(threads)
