"""Pre-trained weights into the encoders: one file a source."""

from .encoder_file import save_encoder
from .load import LoadReport, load_base

__all__ = ["LoadReport", "load_base", "save_encoder"]
