"""Prompts in windows: seen by every token, seeing every token of their windows, and merged like patches."""

import pytest
import torch
from monai.networks.nets.swin_unetr import PatchMerging, PatchMergingV2, compute_mask, get_window_size
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import SWIN, VPT, host_backbone
from segpeft.peft.swin_prompts import merge_prompts, prompted_attention
from tests.peft.methods import shake
from tests.peft.test_hosts import swin

WINDOWS = pytest.mark.parametrize(
    ("size", "index"),
    [((6, 9), 0), ((6, 9), 1), ((7, 8), 1), ((2, 7), 1), ((6, 6, 3), 0), ((6, 7, 5), 1)],
    ids=["plain", "shifted", "shifted_padded", "narrow", "plain3d", "shifted_padded3d"],
)


def block_and_mask(size, index):
    """Returns the block ``index`` of a first stage with windows of 3, and the mask for a grid of ``size``."""
    block = host_backbone(swin(len(size)), SWIN).eval().layers1[0].blocks[index]
    window, shift = get_window_size(size, (3,) * len(size), (1,) * len(size))
    padded = [-(-length // side) * side for length, side in zip(size, window, strict=True)]
    return block, compute_mask(padded, window, shift, torch.device("cpu")), window


@WINDOWS
@torch.no_grad()
def test_without_prompts_it_is_monais_windowed_attention(size, index):
    block, mask, _ = block_and_mask(size, index)
    nn.init.normal_(block.attn.relative_position_bias_table)
    x = torch.randn(2, *size, 4)
    found, none = prompted_attention(block, x, x.new_zeros(2, 0, 4), mask)
    assert none.shape == (2, 0, 4)
    torch.testing.assert_close(found, block.forward_part1(x, mask))


def average(block) -> None:
    """Makes the block's attention the mean of what a token may look at."""
    width = block.norm1.normalized_shape[0]
    block.norm1 = nn.Identity()
    nn.init.zeros_(block.attn.qkv.weight)
    nn.init.zeros_(block.attn.qkv.bias)
    nn.init.zeros_(block.attn.relative_position_bias_table)
    block.attn.qkv.weight[2 * width :] = torch.eye(width)
    nn.init.eye_(block.attn.proj.weight)
    nn.init.zeros_(block.attn.proj.bias)


@pytest.mark.parametrize("index", [0, 1], ids=["plain", "shifted"])
@torch.no_grad()
def test_masks_hide_tokens_but_no_prompt(index):
    block, mask, _ = block_and_mask((6, 9), index)
    average(block)
    prompts = torch.stack((torch.ones(2, 4), torch.full((2, 4), 3.0)))  # two of 1 in the first image, of 3 in the other
    tokens, made = prompted_attention(block, torch.zeros(2, 6, 9, 4), prompts, mask)
    visible = (mask == 0).sum(-1) if index else torch.full((6, 9), 9)  # (windows, n)
    expected = (2.0 / (visible + 2)).flatten().sort().values
    for image, value in enumerate((1.0, 3.0)):
        torch.testing.assert_close(tokens[image, :, :, 0].flatten().sort().values, value * expected)
        torch.testing.assert_close(made[image], torch.full((2, 4), value * 2 / 11))


@pytest.mark.parametrize("index", [0, 1], ids=["plain", "shifted"])
@torch.no_grad()
def test_prompts_take_the_mean_of_their_image_over_its_windows(index):
    block, mask, _ = block_and_mask((6, 9), index)
    average(block)
    x, prompts = torch.randn(2, 6, 9, 4), torch.randn(2, 3, 4)
    _, made = prompted_attention(block, x, prompts, mask)
    expected = (9 * x.mean((1, 2)) + prompts.sum(1)) / 12
    torch.testing.assert_close(made, expected.unsqueeze(1).expand(-1, 3, -1))


@pytest.mark.parametrize("merging", [PatchMerging, PatchMergingV2])
@pytest.mark.parametrize("dims", [2, 3])
@torch.no_grad()
def test_a_prompt_merges_like_patches_that_equal_it(merging, dims):
    layer, prompts = shake(merging(4, spatial_dims=dims)), torch.randn(2, 3, 4)
    merged = merge_prompts(layer, prompts, dims)
    for index in range(3):
        patches = prompts[:, index].reshape(2, *[1] * dims, 4).expand(2, *[2] * dims, 4)
        torch.testing.assert_close(layer(patches).flatten(1), merged[:, index])


def test_refuses_a_merging_that_it_does_not_know():
    with pytest.raises(InputError, match="Linear merges no prompts"):
        merge_prompts(nn.Linear(4, 8), torch.ones(1, 2, 4), 2)


def test_checkpointed_blocks_give_the_same_gradients():
    grads = []
    for use_checkpoint in (False, True):
        torch.manual_seed(4)
        hosted = VPT(num_prompts=2, deep=False).inject(swin(2, use_checkpoint=use_checkpoint), SWIN)
        sum(feature.square().sum() for feature in hosted(torch.ones(1, 1, 32, 32), False)).backward()
        grads.append(hosted.layers1[0].blocks[0].prompts.tokens.grad)
    torch.testing.assert_close(*grads)
