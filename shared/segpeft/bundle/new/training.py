"""How long and in what portions a network is trained, by the number of cases."""

from __future__ import annotations

from .choice import Choice
from .scale import Scale
from .summary import Summary

BATCH = 2
"""Crops a step. Of one alone, torch's convolutions on a CPU take a way that is several times as slow a crop."""

VALIDATED = 10
"""Cases that validate, about: more of them would be missed in training."""

LEAST_FOLDS, MOST_FOLDS = 5, 20
LEAST_EPOCHS, MOST_EPOCHS = 10, 1000
VALIDATIONS = 20


def choose_training(summary: Summary, scale: Scale, whole: bool) -> list[Choice]:
    """Returns folds, batches and epochs.

    Args:
        summary: of the data set.
        scale: says how many crops a training sees.
        whole: a window holds a whole image.
    """
    folds = _folds(summary)
    trained = summary.cases - summary.cases // folds.value
    each = 1 if whole else 2
    epochs = min(max(LEAST_EPOCHS, round(scale.crops / (trained * each))), MOST_EPOCHS)
    per_case = "a crop holds a whole image" if whole else "two a case: reading a case costs more than a second crop"
    about = f"{scale.crops:,} crops in all ({scale.name}) of {trained} cases; {LEAST_EPOCHS} to {MOST_EPOCHS} epochs"
    return [
        folds,
        Choice("batch_size", BATCH // each, f"with crops_per_case {BATCH} crops a step"),
        Choice("crops_per_case", each, per_case),
        Choice("epochs", epochs, about),
        Choice("val_interval", max(1, epochs // VALIDATIONS), f"about {VALIDATIONS} validations a training"),
        Choice(
            "num_workers",
            scale.num_workers,
            "none: the network needs the cores" if not scale.num_workers else "processes that read",
        ),
    ]


def _folds(summary: Summary) -> Choice:
    if summary.fixed_folds:
        return Choice("folds", summary.fixed_folds, "fixed by the datalist")
    if summary.cases < LEAST_FOLDS:
        return Choice("folds", max(2, summary.cases), f"only {summary.cases} labelled cases: one validates")
    folds = min(max(LEAST_FOLDS, round(summary.cases / VALIDATED)), MOST_FOLDS)
    return Choice("folds", folds, f"about {VALIDATED} cases validate, at most a fifth: {summary.cases} labelled cases")
