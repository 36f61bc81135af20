"""Parameter-efficient fine-tuning: one paper a file, put into a network by :func:`apply_peft`."""

from .adaptformer import AdaptFormer
from .apply import Applied, apply_peft, count_parameters, trainable_parameters
from .channel_lora import ChannelLoRA, ChannelLoRALinear
from .checkpoint import base_sha256, load_adapter, read_adapter, save_adapter, trainable_state
from .full import DecoderOnly, Full
from .hosts import TransformerBlockHost, ViTHost, host_backbone
from .houlsby import Houlsby
from .layouts import LAYOUTS, SWIN, VIT, Layout, find_backbone
from .lora import LoRA, LoRALinear, QKVLoRALinear
from .med_adapter import MedAdapter
from .method import Method
from .pro_tuning import ProTuning
from .sockets import POSITIONS, EmptySocket, Socket, fill_socket
from .st_adapter import STAdapter
from .swin_hosts import BasicLayerHost, SwinTransformerBlockHost, SwinTransformerHost
from .vpt import VPT

__all__ = [
    "LAYOUTS",
    "POSITIONS",
    "SWIN",
    "VIT",
    "VPT",
    "AdaptFormer",
    "Applied",
    "BasicLayerHost",
    "ChannelLoRA",
    "ChannelLoRALinear",
    "DecoderOnly",
    "EmptySocket",
    "Full",
    "Houlsby",
    "Layout",
    "LoRA",
    "LoRALinear",
    "MedAdapter",
    "Method",
    "ProTuning",
    "QKVLoRALinear",
    "STAdapter",
    "Socket",
    "SwinTransformerBlockHost",
    "SwinTransformerHost",
    "TransformerBlockHost",
    "ViTHost",
    "apply_peft",
    "base_sha256",
    "count_parameters",
    "fill_socket",
    "find_backbone",
    "host_backbone",
    "load_adapter",
    "read_adapter",
    "save_adapter",
    "trainable_parameters",
    "trainable_state",
]
