"""Parameter-efficient fine-tuning: one paper a file, put into a network by :func:`apply_peft`."""

from .adapter_bias import AdapterBias
from .adapter_drop import AdapterDrop
from .adaptformer import AdaptFormer
from .apply import Applied, apply_peft, count_parameters, parameter_groups, trainable_parameters
from .bitfit import BitFit
from .channel_lora import ChannelLoRA
from .channel_lora_linear import ChannelLoRALinear
from .checkpoint import adapter_bytes, base_sha256, load_adapter, read_adapter, save_adapter, trainable_state
from .combination import Combination
from .compacter import Compacter
from .dora import DoRA, DoRALinear
from .dropout import set_dropout
from .dylora import DyLoRA, DyLoRALinear, truncated
from .fact import FacT, FacTLinear
from .full import DecoderOnly, Full
from .hold_base import base_bytes, hold_base, hold_frozen_in
from .hosts import TransformerBlockHost, ViTHost, host_backbone
from .hot_swap import AdapterBank
from .houlsby import Houlsby
from .ladder import LadderSideTuning
from .layouts import LAYOUTS, SWIN, VIT, Layout, find_backbone
from .ln_lora import LNLoRA, LNLoRALinear
from .lora import LoRA, LoRALinear, QKVLoRALinear
from .lora_plus import LoRAPlus
from .med_adapter import MedAdapter
from .merge import merge, unmerge
from .method import Method
from .norm_tuning import NormTuning
from .parallel_adapter import ParallelAdapter
from .prefix import PrefixTuning
from .pro_tuning import ProTuning
from .prompt_tuning import PromptTuning
from .registry import known_methods, method_from, method_of
from .sharing import sharing_copy
from .side import Side, fill_side
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
    "AdapterBank",
    "AdapterBias",
    "AdapterDrop",
    "Applied",
    "BasicLayerHost",
    "BitFit",
    "ChannelLoRA",
    "ChannelLoRALinear",
    "Combination",
    "Compacter",
    "DecoderOnly",
    "DoRA",
    "DoRALinear",
    "DyLoRA",
    "DyLoRALinear",
    "EmptySocket",
    "FacT",
    "FacTLinear",
    "Full",
    "Houlsby",
    "LNLoRA",
    "LNLoRALinear",
    "LadderSideTuning",
    "Layout",
    "LoRA",
    "LoRALinear",
    "LoRAPlus",
    "MedAdapter",
    "Method",
    "NormTuning",
    "ParallelAdapter",
    "PrefixTuning",
    "ProTuning",
    "PromptTuning",
    "QKVLoRALinear",
    "STAdapter",
    "Side",
    "Socket",
    "SwinTransformerBlockHost",
    "SwinTransformerHost",
    "TransformerBlockHost",
    "ViTHost",
    "adapter_bytes",
    "apply_peft",
    "base_bytes",
    "base_sha256",
    "count_parameters",
    "fill_side",
    "fill_socket",
    "find_backbone",
    "hold_base",
    "hold_frozen_in",
    "host_backbone",
    "known_methods",
    "load_adapter",
    "merge",
    "method_from",
    "method_of",
    "parameter_groups",
    "read_adapter",
    "save_adapter",
    "set_dropout",
    "sharing_copy",
    "trainable_parameters",
    "trainable_state",
    "truncated",
    "unmerge",
]
