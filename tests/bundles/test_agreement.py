"""Training, evaluation and inference stand in separate files: here it is checked that they say the same."""

from __future__ import annotations

import pytest
import torch

from segpeft.data.describe import describe
from tests.bundles.runs import SEGMENTING, workflow

SHARED = (
    "channels",
    "channel_files",
    "label_scheme",
    "resample_channels",
    "spacing",
    "image_size",
    "feature_size",
    "encoder",
    "decoder",
    "intensity",
    "method",
    "overlap",
)
"""Knobs that stand in both configs, where a bundle has them."""


def shared(parser):
    return {knob: parser[knob] for knob in SHARED if knob in parser.config}


@pytest.fixture(scope="session")
def parsers(subject):
    """The three shipped configurations, tiny; named by what they do."""
    return {
        "train": workflow(subject.bundle, "train", **subject.training).parser,
        "evaluate": workflow(subject.bundle, "train", "evaluate", **subject.training).parser,
        "inference": workflow(subject.bundle, "inference", **subject.inferring).parser,
    }


@pytest.fixture(scope="session")
def images(parsers):
    """The first validation case as each configuration shows it to the network."""
    case = parsers["evaluate"].get_parsed_content("validate#dataset#data")[0]
    prepared = parsers["train"].get_parsed_content("train#dataset").deterministic
    steps = {
        "train": prepared,
        "validate": parsers["train"].get_parsed_content("validate#preprocessing"),
        "evaluate": parsers["evaluate"].get_parsed_content("validate#preprocessing"),
        "inference": parsers["inference"].get_parsed_content("preprocessing"),
    }
    return {name: transform(dict(case))["image"] for name, transform in steps.items()}


@pytest.mark.parametrize("bundle", SEGMENTING)
def test_shipped_knobs(bundle):
    train, infer = workflow(bundle, "train").parser, workflow(bundle, "inference").parser
    assert shared(train) == shared(infer)
    assert train["network_def"] == infer["network_def"]


@pytest.mark.parametrize("bundle", SEGMENTING)
def test_evaluation_replaces_none_of_them(bundle):
    train, evaluate = workflow(bundle, "train").parser, workflow(bundle, "train", "evaluate").parser
    assert shared(evaluate) == shared(train)
    for knob in ("network_def", "fold", "folds"):
        assert evaluate[knob] == train[knob]


@pytest.mark.parametrize("other", ["evaluate", "inference"])
def test_networks(parsers, other):
    ours, theirs = (parsers[name].get_parsed_content("network_def") for name in ("train", other))
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    assert ours.peft.method == theirs.peft.method
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("other", ["train", "validate", "evaluate"])
def test_the_network_sees_the_same_image(images, other):
    assert images[other].shape == images["inference"].shape
    assert torch.equal(images[other].as_tensor(), images["inference"].as_tensor())
    assert torch.equal(images[other].affine, images["inference"].affine)


def test_inferers(subject, parsers):
    ours = describe(parsers["train"].get_parsed_content("validate#inferer"))
    assert describe(parsers["evaluate"].get_parsed_content("validate#inferer")) == ours
    assert describe(parsers["inference"].get_parsed_content("inferer")) == ours
    changed = workflow(subject.bundle, "inference", **{**subject.inferring, "overlap": 0.25}).parser
    assert describe(changed.get_parsed_content("inferer")) != ours


def test_postprocessing(subject):
    inferring, training = ({**knobs, "output_dir": "elsewhere"} for knobs in (subject.inferring, subject.training))
    theirs = workflow(subject.bundle, "inference", **inferring).parser.get_parsed_content("postprocessing")
    ours = workflow(subject.bundle, "train", "evaluate", **training).parser
    steps = ours.get_parsed_content("validate#postprocessing").transforms
    assert [type(step) for step in steps] == [type(step) for step in theirs.transforms]
    assert steps[2].scheme == theirs.transforms[2].scheme
    assert steps[2].threshold == theirs.transforms[2].threshold


def test_metrics_of_validation_and_evaluation_measure_the_same_regions(parsers):
    dice = [parsers[name].get_parsed_content("validate#key_metric")["dice"] for name in ("train", "evaluate")]
    assert dice[0].scheme == dice[1].scheme
    assert dice[0].threshold == dice[1].threshold
