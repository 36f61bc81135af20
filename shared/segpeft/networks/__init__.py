"""Networks on MONAI's blocks."""

from .adapter_ensemble import AdapterEnsemble
from .added_channels import load_trained_channels, train_added_channels
from .channel_unetr import ChannelUNETR
from .factories import build_masked_autoencoder, build_slice_segmenter, build_unetr
from .masked_autoencoder import MaskedAutoEncoder, MaskedReconstructionLoss
from .pretrained import load_base, save_encoder
from .slice_segmenter import SliceSegmenter
from .slice_swin import SliceSwin
from .slice_vit import SliceViT
from .slices import fold_slices, unfold_slices

__all__ = [
    "AdapterEnsemble",
    "ChannelUNETR",
    "MaskedAutoEncoder",
    "MaskedReconstructionLoss",
    "SliceSegmenter",
    "SliceSwin",
    "SliceViT",
    "build_masked_autoencoder",
    "build_slice_segmenter",
    "build_unetr",
    "fold_slices",
    "load_base",
    "load_trained_channels",
    "save_encoder",
    "train_added_channels",
    "unfold_slices",
]
