"""Networks on MONAI's blocks."""

from .channel_unetr import ChannelUNETR
from .masked_autoencoder import MaskedAutoEncoder, MaskedReconstructionLoss
from .pretrained import load_base, save_encoder

__all__ = ["ChannelUNETR", "MaskedAutoEncoder", "MaskedReconstructionLoss", "load_base", "save_encoder"]
