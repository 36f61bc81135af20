"""The card of a new bundle, by the Model Zoo's template: what is known filled in, the rest marked TODO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segpeft.data.label_schemes import label_scheme

from .choice import choices_table
from .commands import commands, plain_unet, pretraining_commands
from .place import Place
from .plan import Plan
from .summary import Summary

MODEL = {
    "channel_lora": (
        "A ViT of one-channel volumes stays frozen. Each channel goes through it with low-rank adapters of its own "
        "(channel-wise LoRA); UNETR's decoder, which also sees the raw channels, makes the regions."
    ),
    "med_tuning": (
        "A 2D ViT stays frozen and sees every slice; Med-Adapters between its blocks make it volumetric, and a 2D "
        "decoder makes the regions."
    ),
}
REFERENCES = {
    "channel_lora": (
        "Parameter Efficient Fine-Tuning of Large Vision Foundational Models for Multi-Channel Medical Image "
        "Segmentation, 2025.",
        "A. Hatamizadeh et al., UNETR: Transformers for 3D Medical Image Segmentation, arXiv 2103.10504.",
    ),
    "med_tuning": (
        "Med-Tuning: Parameter-Efficient Transfer Learning with Fine-Grained Feature Enhancement for Medical "
        "Volumetric Segmentation, arXiv 2304.10880.",
    ),
}


def make_card(place: Place, summary: Summary, plan: Plan, method: str, title: str) -> str:
    """Returns `docs/README.md`."""
    named = ", ".join(label_scheme(plan.knobs()["label_scheme"]).region_names)
    parts = {
        f"# {title}": "",
        "## Authors": "TODO: who made this bundle.",
        "## Tags": f"Segmentation, {'CT' if summary.ct else 'MRI'}, parameter-efficient fine-tuning",
        "## Model Description": f"{MODEL[method]}\n\nTODO: what it is for, and for whom.",
        "## Data": _data(place, summary, named),
        "### Knobs and why": _knobs(plan),
        "## Performance": "TODO: scores of cases that no training has seen, with n "
        "(`eval/evaluation/cases_summary.json`).",
        "## System Configuration": "TODO: machine, time and memory of the training (`eval/training/run.json`).",
        "## Commands": _commands(plan, place),
        "## Limitations": "Research only; not a medical device. TODO: whom the data do not stand for.",
        "## Citation": "TODO: how to cite the model and the data.",
        "## References": "\n".join(f"{n}. {text}" for n, text in enumerate(REFERENCES[method], start=1)),
        "## License": "The configs come from segpeft's (Apache-2.0, see `LICENSE`) and are code: MONAI runs what they "
        "name. TODO: the licence of the weights.",
    }
    return "\n\n".join(f"{head}\n{text}".strip() for head, text in parts.items()) + "\n"


def licence_note(place: Place) -> str:
    """Returns `docs/data_license.txt`."""
    known = f"dataset.json says: {place.licence}. TODO: check it." if place.licence else "TODO: the data's licence."
    return f"No data is distributed with this bundle.\n\n{known} It may bind the weights that are made from the data.\n"


def remarks(place: Place, summary: Summary) -> list[str]:
    """Returns what a person should look at before training."""
    bare = [case.name for case in place.cases if case.section != "test" and not case.label]
    lines = [f"{len(bare)} cases without a label ({bare[0]}, ...): training refuses them"] if bare else []
    lines += [f"can't be used: {line}" for line in summary.bad[:5]]
    lines += [f"... and {len(summary.bad) - 5} more lines like these"] if len(summary.bad) > 5 else []
    if summary.said_ct and not summary.ct:
        lines.append("said to be CT, but its values are no Hounsfield units: it gets a z-score, as MR does")
    rare = [str(region.value) for region in summary.regions if region.share < 0.05]
    lines += [f"label values in fewer than one of twenty cases: {', '.join(rare)}"] if rare else []
    return lines


def _data(place: Place, summary: Summary, regions: str) -> str:
    spacing, size = _median(summary.spacing, ".3g"), _median(summary.size, ".0f")
    tests = sum(case.section == "test" for case in place.cases)
    lines = [
        f"{place.layout}: {summary.cases} labelled cases and {tests} test cases; {summary.looked} labelled ones were "
        f"opened. Median voxel {spacing} mm, median image {size} voxels without background (left-right, back-front, "
        f"feet-head). Channels: {', '.join(summary.channels)}. Regions: {regions}.",
        *(f"- {line}" for line in remarks(place, summary)),
        "TODO: where the data are from, who drew the labels, whether patients overlap between sets.",
    ]
    return "\n\n".join(lines)


def _median(values: NDArray[np.float64], form: str) -> str:
    return " x ".join(format(value, form) for value in np.median(values, axis=0))


def _knobs(plan: Plan) -> str:
    parts = ["Chosen by `python -m segpeft.bundle new` from the files above:", choices_table(plan.training)]
    if plan.pretraining:
        parts += ["Of the encoder's pre-training (`configs/pretrain.json`):", choices_table(plan.pretraining)]
    return "\n\n".join(parts)


def _commands(plan: Plan, place: Place) -> str:
    text = "From inside the bundle's folder:\n\n" + _block(commands("DATASET", None, place.judged))
    text += f"\n\nFor comparison, a plain MONAI UNet on the same crops:\n\n{_block(plain_unet('DATASET'))}"
    if plan.pretraining:
        first = _block(pretraining_commands("DATASET", place))
        text = f"Once, to pre-train the encoder on the images of the training cases:\n\n{first}\n\n{text}"
    return text


def _block(lines: Sequence[str]) -> str:
    return "```\n" + "\n".join(lines) + "\n```"
