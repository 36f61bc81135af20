"""Segment Anything's attention on MONAI's: relative positions, windows, any grid."""

import pytest
import torch
from monai.networks.blocks.selfattention import SABlock

from segpeft.errors import InputError
from segpeft.networks.relative_attention import offsets
from segpeft.networks.slice_vit import SliceViT
from segpeft.peft import VPT, LoRA, apply_peft, trainable_parameters

KNOBS = {"patch_size": 4, "hidden_size": 24, "mlp_dim": 48, "num_layers": 8, "num_heads": 2}


def encoder(window=2, size=(16, 24)):
    torch.manual_seed(0)
    vit = SliceViT(1, size, **KNOBS, attention_window=window)
    for name, parameter in vit.named_parameters():
        if "rel_pos" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    return vit


def test_a_whole_grid_is_monais_decomposed_attention():
    ours = encoder().blocks[1].attn
    theirs = SABlock(24, 2, qkv_bias=True, rel_pos_embedding="decomposed", input_size=(4, 6))
    state = {key: value for key, value in ours.state_dict().items() if "rel_pos" not in key}
    for axis, name in enumerate(("rel_pos_h", "rel_pos_w")):
        state[f"rel_positional_embedding.rel_pos_arr.{axis}"] = ours.state_dict()[name]
    theirs.load_state_dict(state)
    tokens = torch.randn(3, 24, 24)
    torch.testing.assert_close(ours(tokens, 4, 6), theirs(tokens))


def test_windows_are_attended_one_by_one():
    attention = encoder().blocks[0].attn
    tokens = torch.randn(2, 4, 6, 24)
    out = attention(tokens.flatten(1, 2), 4, 6).unflatten(1, (4, 6))
    for i in (0, 2):
        for j in (0, 2, 4):
            window = tokens[:, i : i + 2, j : j + 2].flatten(1, 2)
            expected = attention.attend(window, 2, 2).unflatten(1, (2, 2))
            torch.testing.assert_close(out[:, i : i + 2, j : j + 2], expected)


def test_a_window_over_the_edge_holds_zeros():
    attention = encoder(window=3).blocks[0].attn
    tokens = torch.randn(1, 4, 4, 24)
    padded = torch.nn.functional.pad(tokens, (0, 0, 0, 2, 0, 2))
    expected = attention(padded.flatten(1, 2), 6, 6).unflatten(1, (6, 6))[:, :4, :4]
    torch.testing.assert_close(attention(tokens.flatten(1, 2), 4, 4).unflatten(1, (4, 4)), expected)


def test_without_offsets_it_is_plain_attention():
    plain, relative = SliceViT(1, (16, 24), **KNOBS), SliceViT(1, (16, 24), **KNOBS, attention_window=6)
    missing, unexpected = relative.load_state_dict(plain.state_dict(), strict=False)
    assert {key.rpartition(".")[2] for key in missing} == {"rel_pos_h", "rel_pos_w"}
    assert not unexpected
    image = torch.randn(2, 1, 24, 24)  # one window: 6 x 6 tokens
    torch.testing.assert_close(relative(image)[0], plain(image)[0])


def test_the_last_block_of_a_stage_sees_the_whole_grid():
    vit = encoder()
    assert [block.attn.window for block in vit.blocks] == [2, 0] * 4
    assert vit.blocks[0].attn.rel_pos_w.shape == (3, 12)
    assert vit.blocks[1].attn.rel_pos_h.shape == (7, 12)
    assert vit.blocks[1].attn.rel_pos_w.shape == (11, 12)


def test_offsets_of_another_grid_are_interpolated():
    table = torch.arange(7.0).unsqueeze(1)
    assert offsets(table, 4)[3, 0] == 6
    assert offsets(table, 4)[0, 3] == 0
    middle = offsets(table, 6)
    assert middle.shape == (6, 6, 1)
    assert torch.equal(middle.diagonal(), torch.full((1, 6), 3.0))


def test_another_size_of_image_and_a_trace():
    vit = encoder().eval()
    for size in ((16, 24), (20, 12)):
        image = torch.randn(2, 1, *size)
        expected = vit(image)[0]
        assert expected.shape == (2, size[0] // 4 * size[1] // 4, 24)
        traced = torch.jit.trace(vit, image, check_trace=False)
        torch.testing.assert_close(traced(image)[0], expected)


def test_adapters_train_and_the_rest_is_frozen():
    vit = apply_peft(encoder(), LoRA(rank=2, targets=("qkv", "out_proj")))
    vit(torch.randn(2, 1, 16, 24))[0].sum().backward()
    assert not vit.get_parameter("blocks.0.attn.rel_pos_h").requires_grad
    assert all(parameter.grad is not None for parameter in trainable_parameters(vit))


def test_refusals():
    with pytest.raises(InputError, match="attention_window 0 is out of range"):
        encoder(window=0)
    with pytest.raises(ValueError, match="needs 4 x 6 tokens and no others, got 25"):
        encoder().blocks[0].attn(torch.randn(1, 25, 24), 4, 6)


def test_prompts_are_refused_at_once():
    with pytest.raises(InputError, match="attends by relative position"):
        apply_peft(encoder(), VPT(num_prompts=2))
