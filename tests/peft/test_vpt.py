"""Visual prompt tuning in a ViT, and what both backbones promise: prompts beside the tokens, never among them."""

import pytest
import torch
from torch import Tensor

from segpeft.errors import InputError
from segpeft.peft import SWIN, VIT, VPT, fill_socket, host_backbone
from segpeft.peft.prompts import OwnPrompts, PassedPrompts, fill_prompts
from tests.peft.backbones import BACKBONES
from tests.peft.methods import Bottleneck, adapted
from tests.peft.test_hosts import Recorder, swin, vit

DEPTHS = pytest.mark.parametrize("deep", [False, True], ids=["shallow", "deep"])


@DEPTHS
@pytest.mark.parametrize("backbone", [vit(3), vit(2, classification=True)], ids=["vit3d", "classifier"])
@torch.no_grad()
def test_vit_computes_what_prompts_in_front_of_the_tokens_give(backbone, deep):
    image = torch.randn((2, 1, 16, 24, 4)[: 4 if hasattr(backbone, "cls_token") else 5])
    hosted = VPT(num_prompts=3, deep=deep).inject(backbone, VIT).eval()
    x, states = backbone.eval().patch_embedding(image), []
    if hasattr(backbone, "cls_token"):
        x = torch.cat((backbone.cls_token.expand(2, -1, -1), x), 1)
    x = torch.cat((hosted.blocks[0].prompts.tokens.expand(2, -1, -1), x), 1)
    for index, block in enumerate(backbone.blocks):
        if deep:
            x = torch.cat((hosted.blocks[index].prompts.tokens.expand(2, -1, -1), x[:, 3:]), 1)
        x = block(x)
        states.append(x[:, 3:])
    last = backbone.norm(states[-1])
    found, hidden = hosted(image)
    torch.testing.assert_close(
        found, backbone.classification_head(last[:, 0]) if hasattr(backbone, "cls_token") else last
    )
    torch.testing.assert_close(hidden, states)


@pytest.mark.parametrize("method", ["vpt_shallow", "vpt_deep"])
@torch.no_grad()
def test_hidden_states_of_unetr_have_the_tokens_of_the_grid(method):
    last, hidden = adapted(method, BACKBONES["unetr"]).vit(BACKBONES["unetr"].image())
    assert {tuple(state.shape) for state in (last, *hidden)} == {(2, 2, 12)}


@DEPTHS
@pytest.mark.parametrize(
    ("backbone", "layout", "shape", "tokens"),
    [(vit(3), VIT, (2, 1, 16, 24, 4), [12, 12]), (swin(2), SWIN, (2, 1, 32, 32), [256, 256, 64, 16, 4])],
    ids=["vit", "swin"],
)
@torch.no_grad()
def test_sockets_see_no_prompt(backbone, layout, shape, tokens, deep):
    hosted, log = VPT(deep=deep).inject(backbone, layout).eval(), []
    for path in layout.blocks(hosted):
        for position in ("before_attn", "after_attn", "after_mlp"):
            fill_socket(hosted.get_submodule(path), position, Recorder(log, position))
    hosted(torch.ones(shape))
    assert [entry[1][1] for entry in log] == [count for count in tokens for _ in range(3)]


class Witness(PassedPrompts):
    """Hands prompts through and writes down their shape."""

    def __init__(self, log: list) -> None:
        super().__init__()
        self.log = log

    def forward(self, x: Tensor, prompts: Tensor) -> Tensor:
        self.log.append(tuple(prompts.shape))
        return prompts


@DEPTHS
@pytest.mark.parametrize("dims", [2, 3])
@torch.no_grad()
def test_swin_prompts_grow_with_the_stages_if_they_are_handed_on(dims, deep):
    hosted, log = host_backbone(swin(dims), SWIN).eval(), []
    blocks = [hosted.get_submodule(path) for path in SWIN.blocks(hosted)]
    fill_prompts(blocks[0], OwnPrompts(3, 4, handed_on=not deep))
    for block in blocks[1:]:
        block.prompts = Witness(log)
    hosted(torch.ones((2, 1) + (32,) * dims))
    widths = [(2, 3, width) for width in (4, 8, 16, 32)]
    assert log == ([(2, 0, 4)] * 4 if deep else widths)


@DEPTHS
def test_each_prompt_of_every_stage_gets_a_gradient(deep):
    hosted = VPT(num_prompts=2, deep=deep).inject(swin(2), SWIN)
    sum(feature[:, :, -1, -1].square().sum() for feature in hosted(torch.randn(1, 1, 32, 48), False)).backward()
    prompts = {name: p.grad for name, p in hosted.named_parameters() if name.endswith("prompts.tokens")}
    assert len(prompts) == (5 if deep else 1)
    assert all((grad.abs().amax(1) > 0).all() for grad in prompts.values())


def test_prompts_are_drawn_after_xavier():
    drawn = OwnPrompts(10, 600, handed_on=True).tokens
    bound = (6 / 610) ** 0.5
    assert 0.9 * bound < drawn.abs().max() <= bound


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_prompts": 0}, "num_prompts 0 is out of range"), ({"deep": "no"}, "deep 'no' is neither true nor false")],
    ids=["num_prompts", "deep"],
)
def test_refuses_hyper_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        VPT(**arguments)


def test_a_block_has_one_source_of_prompts_of_its_own():
    block = VPT().inject(vit().double(), VIT).blocks[0]
    assert block.prompts.tokens.dtype == torch.float64
    with pytest.raises(InputError, match="TransformerBlockHost has prompts already"):
        fill_prompts(block, OwnPrompts(2, 12, handed_on=True))
    with pytest.raises(InputError, match="Bottleneck takes no prompts: host its backbone first"):
        fill_prompts(Bottleneck(12, beside=False), OwnPrompts(2, 12, handed_on=True))
