"""Decoders: what turns the features of an encoder into a label map."""

from .setr_mla import SETRMLADecoder
from .setr_naive import SETRNaiveDecoder
from .setr_pup import SETRPUPDecoder
from .swin_unet import SwinUNetDecoder
from .unet import UNetDecoder
from .unetr import UNETRDecoder
from .upernet import UPerNetDecoder

__all__ = [
    "SETRMLADecoder",
    "SETRNaiveDecoder",
    "SETRPUPDecoder",
    "SwinUNetDecoder",
    "UNETRDecoder",
    "UNetDecoder",
    "UPerNetDecoder",
]
