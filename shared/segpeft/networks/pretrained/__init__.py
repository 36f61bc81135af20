"""Pre-trained weights into the encoders: one file a source."""

from .encoder_file import save_encoder
from .load import load_base
from .report import LoadReport

__all__ = ["LoadReport", "load_base", "save_encoder"]
