"""What holds for all tests: one thread a process, and no test leaves its seeds behind."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _random_state():
    """Tests seed what they need; none leaves its seeds behind."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)
