"""Networks on MONAI's blocks."""

from .adapter_ensemble import AdapterEnsemble
from .added_channels import load_trained_channels, train_added_channels
from .channel_unetr import ChannelUNETR
from .factories import build_masked_autoencoder, build_unetr
from .masked_autoencoder import MaskedAutoEncoder, MaskedReconstructionLoss
from .pretrained import load_base, save_encoder
from .simmim import SimMIM

__all__ = [
    "AdapterEnsemble",
    "ChannelUNETR",
    "MaskedAutoEncoder",
    "MaskedReconstructionLoss",
    "SimMIM",
    "build_masked_autoencoder",
    "build_unetr",
    "load_base",
    "load_trained_channels",
    "save_encoder",
    "train_added_channels",
]
