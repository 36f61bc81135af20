"""How to read the page."""

from __future__ import annotations

from ..content import Content
from ..html import joined, tag
from .section import Section

ENTRIES = (
    (
        "Mean and interval",
        "Over cases; each counts once. The interval is a percentile bootstrap over cases (95 %, 9999 "
        "samples). It says how the mean would move with other cases, not with another training.",
    ),
    ("n", "Cases with a value. A value that is not finite is left out of means, plots and tests, and of n."),
    ("Mean of regions", "The mean over the regions of a case, then over cases."),
    (
        "Box plots",
        "Box: quartiles and median. Whiskers: the last case within 1.5 box lengths. Diamond: mean. Dots: cases, of "
        "more than 60 only those beyond the whiskers; fewer than five cases have no box. Cross: a "
        "case whose value comes from a rule for empty regions.",
    ),
    (
        "Slices",
        "Radiological view: the patient's right is on the left of axial and coronal pictures. Grey values run "
        "from the 1st to the 99.5th percentile of the volume. Outlines cut the corners of voxels. The frame in the "
        "whole slice is the part that the other pictures show.",
    ),
    (
        "Colours",
        "A colour and a dash stand for a region, everywhere on the page. They are told apart by the "
        "colour-blind, and by their dashes in print.",
    ),
)


def reading(content: Content) -> Section:
    """Returns what the terms, plots and pictures mean."""
    terms = [tag("div", tag("dt", term), tag("dd", text)) for term, text in ENTRIES]
    return Section("reading", "How to read this page", joined([tag("dl", terms, class_="reading")]))
