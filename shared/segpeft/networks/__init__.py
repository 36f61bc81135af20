"""Networks on MONAI's blocks."""

from .channel_unetr import ChannelUNETR
from .factories import build_masked_autoencoder, build_unetr
from .masked_autoencoder import MaskedAutoEncoder, MaskedReconstructionLoss
from .pretrained import load_base, save_encoder

__all__ = [
    "ChannelUNETR",
    "MaskedAutoEncoder",
    "MaskedReconstructionLoss",
    "build_masked_autoencoder",
    "build_unetr",
    "load_base",
    "save_encoder",
]
