"""`present` on its way from the data to the network: training, windows, test-time augmentation."""

import pytest
import torch

from segpeft.engines import sliding_window
from segpeft.networks import ChannelUNETR
from tests.engines.tiny import SCHEME, adam, cases, trainer, validator

SIZES = {"image_size": (16, 16, 16), "patch_size": (8, 8, 8), "feature_size": 2, "hidden_size": 12}
NETWORK = {**SIZES, "mlp_dim": 16, "num_layers": 4, "num_heads": 2}


class Noting(torch.nn.Module):
    """One logit a region from two channels; notes what it was told is present."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv3d(2, 2, 1)
        self.seen = []

    def forward(self, x, present=None):
        self.seen.append(None if present is None else present.tolist())
        return self.conv(x)


def given(presents):
    return [{**case, "present": torch.tensor(p)} for case, p in zip(cases(len(presents)), presents, strict=True)]


@pytest.mark.parametrize("engine", ["training", "evaluation"])
def test_present_reaches_the_network(engine):
    net, data = Noting(), torch.utils.data.DataLoader(given([[1.0, 0.0], [0.0, 1.0]]), batch_size=2)
    if engine == "training":
        trainer(net, adam(net), max_epochs=1, train_data_loader=data).run()
        assert net.seen == [[[1, 0], [0, 1]]]
    else:
        validator(net, data, inferer=sliding_window(4, 0)).run()
        assert len(net.seen) == 16
        assert net.seen[:8] == [[[1, 0]]] * 8  # windows of one case at a time, each told of its own channels
        assert net.seen[8:] == [[[0, 1]]] * 8


def test_without_present_the_network_is_not_asked_to_take_it():
    net = Noting()
    validator(net).run()
    assert net.seen == [None, None]
    assert SCHEME


@pytest.mark.parametrize("tta", [False, True], ids=["plain", "tta"])
@torch.no_grad()
def test_several_windows_a_pass_share_the_case_s_channels(tta):
    torch.manual_seed(0)
    net = ChannelUNETR(3, 2, **NETWORK).eval()
    volume, present = torch.randn(1, 3, 24, 16, 16), torch.tensor([[1.0, 0.0, 1.0]])
    one = sliding_window(16, tta=tta)(volume, net, present=present)
    two = sliding_window(16, sw_batch_size=2, tta=tta)(volume, net, present=present)
    torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-5)
    other = volume.clone()
    other[:, 1] = 7.0  # what an absent channel holds does not matter
    torch.testing.assert_close(sliding_window(16, tta=tta)(other, net, present=present), one, rtol=0, atol=0)
    assert not torch.allclose(sliding_window(16, tta=tta)(volume, net), one, atol=1e-3)
