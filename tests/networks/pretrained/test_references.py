"""Equal features: the source's own code and ours, on one file of random weights in the source's layout.

Run with `-m reference` in an environment of its own that has timm, transformers, open_clip_torch and segment-anything
beside the versions of constraints.txt. The class token is left out on both sides: our encoders have none.
"""

import re
from functools import partial

import pytest
import torch
from torch import nn

from segpeft.networks import load_base
from segpeft.networks.pretrained.position import resize_position_embedding
from segpeft.networks.slice_swin import SliceSwin
from segpeft.networks.slice_vit import SliceViT
from tests.networks.pretrained import layouts

pytestmark = pytest.mark.reference
EXACT = {"rtol": 0.0, "atol": 1e-10}
IMAGE = 16


@pytest.fixture(autouse=True)
def _doubles():
    """Rounding shall not hide a difference."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def randomised(module):
    """Gives every parameter a random value, so that no zero or one hides a wrong place."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            centre = 1.0 if re.search(r"(norm\w*|ln_\w+)\.weight$", name) else 0.0
            parameter.normal_(centre, 0.2)
    return module.eval()


def features(tokens, blocks, norm):
    """Returns the tokens after every block, and after the last norm where there is one."""
    found = []
    for block in blocks:
        tokens = block(tokens)
        found.append(tokens)
    return [*found, norm(tokens)] if norm else found


def assert_equal(path, expected, image, **knobs):
    """Loads ``path`` into our encoder and compares the tokens after every block, and the normed ones."""
    vit = SliceViT(3, image.shape[2:], **{**layouts.VIT, **knobs}).eval()
    report = load_base(vit, path)
    assert not report.missing
    with torch.no_grad():
        last, hidden = vit(image)
    ours = [*hidden, last][: len(expected)]
    worst = max(float((a - b.reshape(a.shape)).abs().max()) for a, b in zip(ours, expected, strict=True))
    print(f"{report.source}: largest difference {worst:.1e}, largest value {float(ours[-1].abs().max()):.1f}")
    assert worst < EXACT["atol"]
    return vit


def timm_vit():
    timm = pytest.importorskip("timm.models.vision_transformer")
    knobs = {"embed_dim": 48, "depth": 4, "num_heads": 4, "mlp_ratio": 2.0, "num_classes": 10}
    return randomised(timm.VisionTransformer(img_size=IMAGE, patch_size=4, **knobs))


@torch.no_grad()
def timm_features(model, image):
    return features(model.patch_embed(image) + model.pos_embed[:, 1:], model.blocks, model.norm)


@pytest.mark.parametrize("file", ["vit.pth", "vit.safetensors"])
def test_timm_vit(tmp_path, file):
    model, image = timm_vit(), torch.randn(2, 3, IMAGE, IMAGE)
    path = layouts.write(tmp_path / file, model.state_dict())
    assert_equal(path, timm_features(model, image), image)


@pytest.mark.parametrize("prefix", ["", "opt/target/"])
def test_google_npz_as_timm_reads_it(tmp_path, prefix):
    model, image = timm_vit(), torch.randn(2, 3, IMAGE, IMAGE)
    arrays = layouts.google(prefix)[0]
    path = layouts.write(tmp_path / "vit.npz", arrays)
    model.load_pretrained(str(path), prefix=prefix)
    assert_equal(path, timm_features(model, image), image)


def test_moco_v3_is_timms_vit_under_a_prefix(tmp_path):
    model, image = timm_vit(), torch.randn(2, 3, IMAGE, IMAGE)
    towers = {"base_encoder": model.state_dict(), "momentum_encoder": timm_vit().state_dict()}
    state = {f"module.{tower}.{key}": value for tower, state in towers.items() for key, value in state.items()}
    path = layouts.write(tmp_path / "vit-b-300ep.pth.tar", state, "state_dict", epoch=300, arch="vit_base")
    assert_equal(path, timm_features(model, image), image)


MAE_NAMES = (
    (r"vit\.embeddings\.patch_embeddings\.projection", "patch_embed.proj"),
    (r"vit\.embeddings\.position_embeddings", "pos_embed"),
    (r"vit\.embeddings\.cls_token", "cls_token"),
    (r"vit\.layernorm", "norm"),
    (r"vit\.(?:encoder\.layer|layers)\.(\d+)\.layernorm_before", r"blocks.\1.norm1"),
    (r"vit\.(?:encoder\.layer|layers)\.(\d+)\.layernorm_after", r"blocks.\1.norm2"),
    (r"vit\.(?:encoder\.layer|layers)\.(\d+)\.(?:intermediate\.dense|mlp\.fc1)", r"blocks.\1.mlp.fc1"),
    (r"vit\.(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:output\.dense|o_proj)", r"blocks.\1.attn.proj"),
    (r"vit\.(?:encoder\.layer|layers)\.(\d+)\.(?:output\.dense|mlp\.fc2)", r"blocks.\1.mlp.fc2"),
)


def mae_names(state):
    """Renames what transformers calls its MAE to the names of the authors' file: q, k, v in one."""
    named = {}
    for key, value in state.items():
        found = re.match(
            r"vit\.(?:encoder\.layer|layers)\.(\d+)\.attention\.(?:attention\.)?(?:q|k|v|query|key|value)", key
        )
        if found:
            part = key.rpartition(".")[2]
            named.setdefault(f"blocks.{found[1]}.attn.qkv.{part}", []).append(value)
            continue
        for old, new in MAE_NAMES:
            if re.match(old, key):
                named[re.sub(old, new, key)] = value
                break
    return {key: torch.cat(value) if isinstance(value, list) else value for key, value in named.items()}


@torch.no_grad()
def test_mae(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 96}
    config = transformers.ViTMAEConfig(**sizes, image_size=IMAGE, patch_size=4, layer_norm_eps=1e-6, mask_ratio=0.0)
    model, image = randomised(transformers.ViTMAEForPreTraining(config)), torch.randn(2, 3, IMAGE, IMAGE)
    state = mae_names(model.state_dict())
    path = layouts.write(tmp_path / "mae_pretrain_vit_base.pth", state, "model")
    vit = model.vit
    tokens = vit.embeddings.patch_embeddings(image) + vit.embeddings.position_embeddings[:, 1:]
    blocks = vit.layers if hasattr(vit, "layers") else vit.encoder.layer
    expected = features(tokens, [partial(first_output, block) for block in blocks], vit.layernorm)
    assert_equal(path, expected, image)


def first_output(block, tokens):
    out = block(tokens)
    return out[0] if isinstance(out, tuple) else out


def openai_clip():
    open_clip = pytest.importorskip("open_clip")
    vision = open_clip.CLIPVisionCfg(layers=4, width=48, head_width=12, mlp_ratio=2.0, patch_size=4, image_size=IMAGE)
    text = open_clip.CLIPTextCfg(context_length=5, vocab_size=11, width=8, heads=2, layers=1)
    return randomised(open_clip.CLIP(8, vision, text, quick_gelu=True))


@torch.no_grad()
def clip_features(visual, image):
    tokens = visual.conv1(image).flatten(2).transpose(1, 2) + visual.positional_embedding[1:]
    return features(visual.ln_pre(tokens), visual.transformer.resblocks, visual.ln_post)


@pytest.mark.parametrize("archive", [False, True], ids=["state dict", "TorchScript"])
def test_clip(tmp_path, archive):
    model, image = openai_clip(), torch.randn(2, 3, IMAGE, IMAGE)
    expected = clip_features(model.visual, image)
    path = tmp_path / "ViT-B-16.pt"
    if archive:
        torch.jit.save(torch.jit.trace(model, (image, torch.zeros(2, 5, dtype=torch.long)), check_trace=False), path)
    else:
        layouts.write(path, model.state_dict())
    vit = assert_equal(path, expected, image, **layouts.CLIP)
    for block in vit.blocks:
        block.mlp.fn = nn.GELU()
    with torch.no_grad():  # what the wrong activation would cost
        print(f"GELU instead of QuickGELU: {float((vit(image)[0] - expected[-1]).abs().max()):.1e}")


@pytest.mark.parametrize("size", [16, 24], ids=["windows fit", "windows are filled up"])
@torch.no_grad()
def test_sam(tmp_path, size):
    module = pytest.importorskip("segment_anything.modeling.image_encoder")
    knobs = {"embed_dim": 48, "depth": 8, "num_heads": 4, "mlp_ratio": 2.0, "out_chans": 8, "use_rel_pos": True}
    norm = partial(nn.LayerNorm, eps=1e-6)
    model = module.ImageEncoderViT(
        size, 4, **knobs, norm_layer=norm, window_size=4, global_attn_indexes=(1, 3, 5, 7), qkv_bias=True
    )
    randomised(model)
    image = torch.randn(2, 3, size, size)
    expected = features(model.patch_embed(image) + model.pos_embed, model.blocks, None)
    state = {f"image_encoder.{key}": value for key, value in model.state_dict().items()}
    path = layouts.write(tmp_path / "sam_vit_b.pth", state)
    vit = assert_equal(path, expected, image, **{**layouts.SAM, "attention_window": 4})
    for name, parameter in vit.named_parameters():
        if "rel_pos" in name:
            parameter.zero_()
    print(f"without relative positions: {float((vit(image)[1][-1] - expected[-1].flatten(1, 2)).abs().max()):.1e}")


def timm_swin(depths=(2, 2, 6, 2)):
    timm = pytest.importorskip("timm.models.swin_transformer")
    knobs = {"embed_dim": 12, "depths": depths, "num_heads": layouts.SWIN["num_heads"], "window_size": 4}
    return randomised(timm.SwinTransformer(img_size=64, patch_size=2, num_classes=5, **knobs))


@torch.no_grad()
def swin_features(model, image):
    """Returns the patch embedding, what each patch merging makes, and the normed end, channels last."""
    tokens = model.patch_embed(image)
    found = [tokens]
    for layer in model.layers:
        tokens = layer.downsample(tokens)
        if not isinstance(layer.downsample, nn.Identity):
            found.append(tokens)
        tokens = layer.blocks(tokens)
    return [*found, model.norm(tokens)]


@pytest.mark.parametrize("of_timm", [False, True], ids=["microsoft", "timm"])
@pytest.mark.parametrize("depths", [(2, 2, 6, 2), (2, 2, 2, 2)], ids=["all blocks", "the first two of stage 3"])
def test_swin(tmp_path, of_timm, depths):
    timm = pytest.importorskip("timm.models.swin_transformer")
    model, image = timm_swin(), torch.randn(2, 3, 64, 64)
    if of_timm:
        path = layouts.write(tmp_path / "swin.safetensors", model.state_dict())
    else:  # timm reads Microsoft's layout, too
        state = layouts.swin(window=4)
        path = layouts.write(tmp_path / "swin_tiny_patch4_window7_224.pth", state, "model")
        readable = timm.checkpoint_filter_fn({"model": state}, model)
        model.load_state_dict(readable)
    swin = SliceSwin(3, **{**layouts.SWIN, "window_size": 4, "depths": depths}).eval()
    report = load_base(swin, path)
    model.layers[2].blocks = model.layers[2].blocks[: depths[2]]
    with torch.no_grad():
        ours = swin.pyramid(image, 2)
    theirs = swin_features(model, image)
    worst = [float((a.movedim(1, -1) - b).abs().max()) for a, b in zip(ours, [*theirs[:3], theirs[-1]], strict=True)]
    print(f"{report.source}: largest difference {max(worst):.1e}")
    assert max(worst) < EXACT["atol"]
    assert bool(report.left_out) == (depths[2] == 2)


@pytest.mark.parametrize("grid", [(8, 8), (7, 5), (20, 20)], ids=str)
def test_position_embeddings_are_resized_as_in_timm(grid):
    layers = pytest.importorskip("timm.layers")
    embedding = torch.randn(1, 14 * 14, 6, dtype=torch.float32)
    expected = layers.resample_abs_pos_embed(
        embedding, list(grid), [14, 14], num_prefix_tokens=0, antialias=False, interpolation="bicubic"
    )
    torch.testing.assert_close(resize_position_embedding(embedding, (14, 14), grid), expected)
