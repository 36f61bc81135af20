"""Ladder side tuning: nothing of the backbone is kept for the backward pass; the formula; where it fits."""

import pytest
import torch
import torch.nn.functional as F
from monai.networks.blocks.transformerblock import TransformerBlock
from monai.networks.nets.swin_unetr import SwinTransformerBlock

from segpeft.errors import InputError
from segpeft.peft import LadderSideTuning, Side, apply_peft, fill_side
from segpeft.peft.ladder import Ladder
from tests.peft.backbones import BACKBONES
from tests.peft.methods import adapted, shake


@pytest.mark.parametrize("name", BACKBONES)
def test_no_gradient_goes_through_the_backbone(name: str) -> None:
    backbone = BACKBONES[name]
    network = shake(adapted("ladder", backbone)).train()
    seen = []
    for block in network.get_submodule(backbone.path).modules():
        if isinstance(block, (TransformerBlock, SwinTransformerBlock)):
            block.register_forward_hook(lambda module, args, out: seen.append(out[0]))
    network(backbone.image()).sum().backward()
    assert len(seen) == sum(backbone.stages)
    assert not any(tokens.requires_grad for tokens in seen)


def test_ladder_climbs_as_the_equation_says() -> None:
    torch.manual_seed(0)
    ladder = Ladder((8, 8, 12), 2)
    for parameter in ladder.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    features = [torch.randn(2, 8, 4, 4, 2), torch.randn(2, 8, 4, 4, 2), torch.randn(2, 12, 2, 2, 1)]
    made = ladder(features)
    side = ladder.rungs[0](ladder.down[0](features[0].movedim(1, -1)))
    for index in (1, 2):
        torch.testing.assert_close(made[index - 1], features[index - 1] + ladder.up[index - 1](side).movedim(-1, 1))
        if index == 2:
            side = F.avg_pool3d(side.movedim(-1, 1), 2).movedim(1, -1)
        share = torch.sigmoid(ladder.gates[index - 1] / 0.1)
        here = ladder.down[index](features[index].movedim(1, -1))
        side = ladder.rungs[index](share * here + (1 - share) * ladder.step[index](side))
    torch.testing.assert_close(made[2], features[2] + ladder.up[2](side).movedim(-1, 1))


def test_one_thing_runs_beside_a_backbone() -> None:
    network = adapted("ladder", BACKBONES["slice_vit"])
    with pytest.raises(InputError, match="beside the backbone runs Ladder: Side does not fit in"):
        fill_side(network.encoder, Side())
    with pytest.raises(InputError, match="Linear takes nothing beside it: host it first"):
        fill_side(torch.nn.Linear(2, 2), Side())
    with pytest.raises(InputError, match="reduction 13 leaves nothing of tokens of width 12"):
        apply_peft(BACKBONES["slice_vit"].network(), LadderSideTuning(reduction=13))
