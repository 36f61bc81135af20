"""Looking at a data set before anything is trained on it: every file once, what is wrong as text, not as an error."""

from .facts import CaseFacts, ChannelFacts, GridFacts, LabelFacts, case_facts
from .opened_case import OpenedCase, OpenedVolume, open_case
from .walk import look_at

__all__ = [
    "CaseFacts",
    "ChannelFacts",
    "GridFacts",
    "LabelFacts",
    "OpenedCase",
    "OpenedVolume",
    "case_facts",
    "look_at",
    "open_case",
]
