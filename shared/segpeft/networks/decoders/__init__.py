"""Decoders: what turns the features of an encoder into a label map."""

from .unetr import UNETRDecoder

__all__ = ["UNETRDecoder"]
