from torch import nn

from segpeft.engines import decay_groups
from segpeft.networks import MaskedAutoEncoder, SimMIM


def test_only_weights_decay():
    sizes = {"hidden_size": 24, "mlp_dim": 48, "num_layers": 2, "num_heads": 2}
    decoder = {f"decoder_{name}": value for name, value in sizes.items()}
    net = MaskedAutoEncoder((16, 16, 16), (8, 8, 8), **sizes, **decoder)
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    decaying, spared = decay_groups(net, 0.05)
    assert (decaying["weight_decay"], spared["weight_decay"]) == (0.05, 0.0)
    assert all(names[id(p)].endswith("weight") and p.ndim > 1 for p in decaying["params"])
    kept = {names[id(p)] for p in spared["params"]}
    assert {"cls_token", "mask_tokens", "blocks.2.weight", "blocks.0.mlp.linear1.bias"} <= kept
    trained = [p for p in net.parameters() if p.requires_grad]
    assert len(decaying["params"]) + len(spared["params"]) == len(trained)


def test_tokens_and_positions_of_a_swin_do_not_decay():
    net = SimMIM((32, 32), (2, 2), 6, (1, 1, 1, 1), (1, 1, 1, 1), (2, 2), (8, 8))
    spared = {id(parameter) for parameter in decay_groups(net, 0.05)[1]["params"]}
    kept = {name for name, parameter in net.named_parameters() if id(parameter) in spared}
    assert {"mask_token", "swin.layers1.0.blocks.0.attn.relative_position_bias_table"} <= kept
    assert "swin.layers1.0.downsample.reduction.weight" not in kept


def test_frozen_parameters_are_in_no_group():
    net = nn.Sequential(nn.Linear(2, 2).requires_grad_(False), nn.Linear(2, 2))
    assert [len(group["params"]) for group in decay_groups(net, 0.1)] == [1, 1]
