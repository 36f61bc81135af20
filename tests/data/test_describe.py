import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from segpeft.data.describe import describe, digest
from segpeft.data.normalize import is_foreground
from segpeft.data.preprocess import preprocessing


class Holder:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


def test_another_process_gives_the_same_digest():
    code = (
        "from segpeft.data.describe import digest; from segpeft.data.preprocess import preprocessing;"
        "print(digest(preprocessing(('image', 'label'), label_scheme='msd', spacing=(1, 1, 2)).transforms))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    here = digest(preprocessing(("image", "label"), label_scheme="msd", spacing=(1, 1, 2)).transforms)
    assert other.stdout.strip() == here


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"label_scheme": "brats"}, id="scheme"),
        pytest.param({"spacing": (1.0, 1.0, 1.0)}, id="spacing"),
        pytest.param({"margin": 1}, id="margin"),
        pytest.param({"channels": 1}, id="channels"),
        pytest.param({"native_label": True}, id="native label"),
        pytest.param({"keys": "image"}, id="keys"),
    ],
)
def test_every_knob_of_the_preprocessing_changes_the_digest(knobs):
    usual = {"keys": ("image", "label"), "label_scheme": "msd"}
    assert digest(preprocessing(**{**usual, **knobs}).transforms) != digest(preprocessing(**usual).transforms)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Holder(a=1), Holder(a=2), id="attribute"),
        pytest.param(Holder(_a=1), Holder(_a=2), id="private attribute"),
        pytest.param(torch.zeros(2), torch.ones(2), id="tensor"),
        pytest.param(np.zeros(2), np.zeros(2, np.float32), id="dtype of an array"),
        pytest.param(is_foreground, describe, id="function"),
        pytest.param([1, 2], [2, 1], id="order"),
        pytest.param(1, True, id="int and bool"),
    ],
)
def test_what_differs_has_another_digest(one, other):
    assert digest(one) != digest(other)


def test_random_states_and_order_of_insertion_do_not_count():
    one = Holder(a=1, b={"x": 1, "y": 2}, R=np.random.RandomState(1))
    other = Holder(b={"y": 2, "x": 1}, R=np.random.RandomState(2), a=1)
    assert digest(one) == digest(other)


def test_cycles_end():
    holder = Holder()
    holder.me = holder
    assert "cycle" in str(describe(holder))
