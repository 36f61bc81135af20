import io

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import AdapterEnsemble, ChannelUNETR
from segpeft.peft import ChannelLoRA, apply_peft, count_parameters, sharing_copy, trainable_state


def tiny(channels: int = 2) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"image_size": (16, 16, 16), "patch_size": (8, 8, 8), "feature_size": 2}
    net = ChannelUNETR(channels, 3, **sizes, hidden_size=12, mlp_dim=16, num_layers=4, num_heads=2)
    return apply_peft(net, ChannelLoRA(rank=2, channels=channels)).eval()


def different(ensemble: AdapterEnsemble) -> AdapterEnsemble:
    """Gives every member trainable parts of its own."""
    with torch.no_grad():
        for index, member in enumerate(ensemble.members):
            torch.manual_seed(index)
            for value in trainable_state(member).values():
                value.normal_(0, 0.2)
    return ensemble


def test_members_share_the_base_and_nothing_else():
    network = tiny()
    first, second = AdapterEnsemble(network, 2).members
    trained = set(trainable_state(network))
    others = dict(second.named_parameters())
    live = dict(network.named_parameters())
    assert trained
    for name, parameter in first.named_parameters():
        shared = parameter.data_ptr() == others[name].data_ptr()
        assert shared == (name not in trained), name
        assert (parameter.data_ptr() == live[name].data_ptr()) == (name not in trained)


def test_the_network_itself_is_left_alone():
    network, image = tiny(), torch.randn(1, 2, 16, 16, 16)
    with torch.no_grad():
        before = network(image)
        different(AdapterEnsemble(network, 3))
        assert torch.equal(network(image), before)


@pytest.mark.parametrize("present", [None, torch.tensor([[1.0, 0.0]])], ids=["all", "absent"])
@torch.no_grad()
def test_logits_are_those_of_the_members_one_after_another(present):
    ensemble, image = different(AdapterEnsemble(tiny(), 2)).eval(), torch.randn(1, 2, 16, 16, 16)
    found = ensemble(image, present)
    assert found.shape == (1, 6, 16, 16, 16)
    for index, member in enumerate(ensemble.members):
        assert torch.equal(found[:, 3 * index : 3 * index + 3], member(image, present))
    assert not torch.equal(found[:, :3], found[:, 3:])


def test_a_file_holds_the_base_once():
    network = tiny()

    def size(state) -> int:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return buffer.tell()

    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    ensemble = AdapterEnsemble(network, 4)
    separate = 4 * size(network.state_dict())
    assert size(ensemble.state_dict()) < separate - 2.9 * 4 * frozen
    counts, one = count_parameters(ensemble), count_parameters(network)
    assert counts["total"] == frozen + 4 * one["trainable"]


def test_members_follow_each_other_to_another_type():
    ensemble = AdapterEnsemble(tiny(), 2).double()
    first, second = (dict(member.named_parameters()) for member in ensemble.members)
    name = "vit.blocks.0.attn.qkv.weight"
    assert first[name] is second[name]
    assert first[name].dtype == torch.float64


def test_a_copy_trains_without_changing_the_original():
    network = tiny()
    other = sharing_copy(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in other.parameters() if p.requires_grad], lr=0.1)
    other(torch.randn(1, 2, 16, 16, 16)).square().mean().backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not torch.equal(other.decoder.out.conv.conv.bias, network.decoder.out.conv.conv.bias)


@pytest.mark.parametrize(
    ("network", "members", "message"),
    [(tiny(), 1, "expected at least 2"), (nn.Conv3d(1, 1, 1), 2, "carries no method")],
    ids=["one", "no method"],
)
def test_what_is_no_ensemble_is_refused(network, members, message):
    with pytest.raises(InputError, match=message):
        AdapterEnsemble(network, members)
