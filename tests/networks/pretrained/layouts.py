"""Small files in the layout of each source, with random values: names, shapes and containers as published."""

import numpy as np
import torch
from safetensors.torch import save_file

WIDTH, MLP, HEADS, LAYERS, PATCH, GRID = 48, 96, 4, 4, 4, 4
VIT = {"patch_size": PATCH, "hidden_size": WIDTH, "mlp_dim": MLP, "num_layers": LAYERS, "num_heads": HEADS}
CLIP = {"norm_eps": 1e-5, "pre_norm": True, "activation": "quick_gelu"}
SAM = {"num_layers": 8, "attention_window": 2}
SWIN = {"patch_size": 2, "embed_dim": 12, "num_heads": (1, 2, 2, 4), "window_size": 2}


def linear(name, rows, columns):
    return {f"{name}.weight": torch.randn(rows, columns) * 0.1, f"{name}.bias": torch.randn(rows) * 0.1}


def norm(name, width):
    return {f"{name}.weight": 1 + torch.randn(width) * 0.1, f"{name}.bias": torch.randn(width) * 0.1}


def timm_vit(layers=LAYERS, mlp=("fc1", "fc2"), channels=3):
    state = {
        "cls_token": torch.randn(1, 1, WIDTH),
        "pos_embed": torch.randn(1, 1 + GRID**2, WIDTH),
        "patch_embed.proj.weight": torch.randn(WIDTH, channels, PATCH, PATCH) * 0.1,
        "patch_embed.proj.bias": torch.randn(WIDTH),
        **norm("norm", WIDTH),
        **linear("head", 10, WIDTH),
    }
    for i in range(layers):
        state |= norm(f"blocks.{i}.norm1", WIDTH) | norm(f"blocks.{i}.norm2", WIDTH)
        state |= linear(f"blocks.{i}.attn.qkv", 3 * WIDTH, WIDTH) | linear(f"blocks.{i}.attn.proj", WIDTH, WIDTH)
        state |= linear(f"blocks.{i}.mlp.{mlp[0]}", MLP, WIDTH) | linear(f"blocks.{i}.mlp.{mlp[1]}", WIDTH, MLP)
    return state


def without(state, *starts):
    return {key: value for key, value in state.items() if not key.startswith(starts)}


def mae():
    return without(timm_vit(), "head")


def whole_mae():
    return mae() | {"mask_token": torch.randn(1, 1, 8)} | linear("decoder_embed", 8, WIDTH) | norm("decoder_norm", 8)


def moco_v3():
    inner = without(timm_vit(), "head") | {"head.0.weight": torch.randn(8, WIDTH)}
    state = {f"module.{tower}.{k}": v for tower in ("base_encoder", "momentum_encoder") for k, v in inner.items()}
    return state | {"module.predictor.0.weight": torch.randn(8, 8)}


def sam(layers=8, window=2):
    state = without(timm_vit(layers, ("lin1", "lin2")), "head", "cls_token", "norm")
    state["pos_embed"] = torch.randn(1, GRID, GRID, WIDTH)
    for i in range(layers):
        side = GRID if i % 2 else window
        for axis in "hw":
            state[f"blocks.{i}.attn.rel_pos_{axis}"] = torch.randn(2 * side - 1, WIDTH // HEADS)
    state = {f"image_encoder.{key}": value for key, value in state.items()}
    state["image_encoder.neck.0.weight"] = torch.randn(8, WIDTH, 1, 1)
    return state | {"mask_decoder.iou_token.weight": torch.randn(1, 8)}


def clip():
    scale = WIDTH**-0.5
    state = {
        "positional_embedding": torch.randn(7, 8),  # of the text
        "visual.class_embedding": torch.randn(WIDTH),
        "visual.positional_embedding": torch.randn(1 + GRID**2, WIDTH) * scale,
        "visual.proj": torch.randn(WIDTH, 8),
        "visual.conv1.weight": torch.randn(WIDTH, 3, PATCH, PATCH) * 0.1,
        **norm("visual.ln_pre", WIDTH),
        **norm("visual.ln_post", WIDTH),
    }
    for i in range(LAYERS):
        block = f"visual.transformer.resblocks.{i}"
        state |= norm(f"{block}.ln_1", WIDTH) | norm(f"{block}.ln_2", WIDTH)
        qkv = linear(f"{block}.attn.in_proj", 3 * WIDTH, WIDTH)
        state |= {key.replace("in_proj.", "in_proj_"): value for key, value in qkv.items()}
        state |= linear(f"{block}.attn.out_proj", WIDTH, WIDTH)
        state |= linear(f"{block}.mlp.c_fc", MLP, WIDTH) | linear(f"{block}.mlp.c_proj", WIDTH, MLP)
    return state


def google(prefix=""):
    """The JAX layout of :func:`timm_vit`'s tensors, and those."""
    state = timm_vit()
    head = WIDTH // HEADS
    arrays = {
        "cls": state["cls_token"],
        "embedding/kernel": state["patch_embed.proj.weight"].permute(2, 3, 1, 0),
        "embedding/bias": state["patch_embed.proj.bias"],
        "Transformer/posembed_input/pos_embedding": state["pos_embed"],
        "Transformer/encoder_norm/scale": state["norm.weight"],
        "Transformer/encoder_norm/bias": state["norm.bias"],
        "head/kernel": state["head.weight"].T,
        "head/bias": state["head.bias"],
    }
    for i in range(LAYERS):
        old, new = f"blocks.{i}", f"Transformer/encoderblock_{i}"
        for which, number in (("norm1", 0), ("norm2", 2)):
            arrays[f"{new}/LayerNorm_{number}/scale"] = state[f"{old}.{which}.weight"]
            arrays[f"{new}/LayerNorm_{number}/bias"] = state[f"{old}.{which}.bias"]
        attention = f"{new}/MultiHeadDotProductAttention_1"
        for part, name in enumerate(("query", "key", "value")):
            rows = slice(part * WIDTH, (part + 1) * WIDTH)
            arrays[f"{attention}/{name}/kernel"] = state[f"{old}.attn.qkv.weight"][rows].T.reshape(WIDTH, HEADS, head)
            arrays[f"{attention}/{name}/bias"] = state[f"{old}.attn.qkv.bias"][rows].reshape(HEADS, head)
        arrays[f"{attention}/out/kernel"] = state[f"{old}.attn.proj.weight"].T.reshape(HEADS, head, WIDTH)
        arrays[f"{attention}/out/bias"] = state[f"{old}.attn.proj.bias"]
        for layer, name in enumerate(("fc1", "fc2")):
            arrays[f"{new}/MlpBlock_3/Dense_{layer}/kernel"] = state[f"{old}.mlp.{name}.weight"].T
            arrays[f"{new}/MlpBlock_3/Dense_{layer}/bias"] = state[f"{old}.mlp.{name}.bias"]
    return {prefix + key: value for key, value in arrays.items()}, state


def swin(depths=(2, 2, 6, 2), window=3, of_timm=False):
    state = {"patch_embed.proj.weight": torch.randn(12, 3, 2, 2), "patch_embed.proj.bias": torch.randn(12)}
    state |= norm("patch_embed.norm", 12) | norm("norm", 96) | linear("head.fc" if of_timm else "head", 5, 96)
    for stage, depth in enumerate(depths):
        width, heads = 12 << stage, SWIN["num_heads"][stage]
        for j in range(depth):
            block = f"layers.{stage}.blocks.{j}"
            state |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
            state |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
            state |= linear(f"{block}.mlp.fc1", 4 * width, width) | linear(f"{block}.mlp.fc2", width, 4 * width)
            state[f"{block}.attn.relative_position_bias_table"] = torch.randn((2 * window - 1) ** 2, heads)
            if not of_timm:
                state[f"{block}.attn.relative_position_index"] = torch.zeros(window**2, window**2, dtype=torch.long)
                state |= {f"{block}.attn_mask": torch.zeros(4, window**2, window**2)} if j % 2 else {}
        if stage < 3:
            merging = f"layers.{stage + of_timm}.downsample"
            state |= norm(f"{merging}.norm", 4 * width)
            state[f"{merging}.reduction.weight"] = torch.randn(2 * width, 4 * width)
    return state


def write(path, state, under=None, **others):
    """Writes a state dict as what the end of the file's name says, under an entry of a dictionary if there is one."""
    if path.suffix == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in state.items()})
    elif path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in state.items()}, path)
    else:
        torch.save({under: state, **others} if under else state, path)
    return path
