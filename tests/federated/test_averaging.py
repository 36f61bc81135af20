"""The average of a round, and what is left out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segpeft.errors import InputError
from segpeft.federated import average
from segpeft.peft import LoRA, MedAdapter
from tests.federated.updates import sent

KEY = "encoder.blocks.0.attn.qkv.lora_a"
START = sent("server", seed=0)


def broken(site: str):
    update = sent(site)
    return replace(update, state={**update.state, KEY: torch.full_like(update.state[KEY], torch.nan)})


def test_sites_weigh_as_much_as_they_have_cases():
    first, second = sent("a", cases=1, seed=1), sent("b", cases=3, seed=2)
    mean, refused = average([first, second], START)
    assert not refused
    assert mean.cases == 4
    for key, value in mean.state.items():
        expected = 0.25 * first.state[key].double() + 0.75 * second.state[key].double()
        torch.testing.assert_close(value, expected.float(), rtol=1e-6, atol=1e-7)


def test_the_order_of_the_sites_does_not_matter():
    updates = [sent(name, cases=index + 1, seed=index + 1) for index, name in enumerate("abc")]
    one, other = average(updates, START)[0], average(updates[::-1], START)[0]
    assert all(torch.allclose(value, other.state[key], rtol=1e-6, atol=0) for key, value in one.state.items())


def test_one_site_alone_stays_as_it_is():
    update = sent("a", cases=7)
    mean, _ = average([update], START)
    assert all(torch.equal(value, update.state[key]) for key, value in mean.state.items())


def test_whole_numbers_are_not_averaged():
    method, key = MedAdapter(), None
    updates = [sent(name, method=method, seed=index) for index, name in enumerate("ab")]
    for update, batches in zip(updates, (4, 7), strict=True):
        key = next(name for name in update.state if name.endswith("num_batches_tracked"))
        update.state[key].fill_(batches)
    mean, _ = average(updates, sent("server", method=method))
    assert mean.state[key].dtype == torch.int64
    assert int(mean.state[key]) == 7


@pytest.mark.parametrize(
    ("misfit", "expected"),
    [
        pytest.param(broken("c"), "not finite", id="nan"),
        pytest.param(sent("c", base=1), "another base", id="base"),
        pytest.param(sent("c", method=LoRA(rank=4)), "rank is 4 in the update, 2 in the federation", id="rank"),
        pytest.param(sent("c", cases=0), "0 cases", id="no_cases"),
    ],
)
def test_the_others_go_on_without_a_misfit(misfit, expected):
    fitting = [sent("a", seed=1), sent("b", seed=2)]
    mean, refused = average([fitting[0], misfit, fitting[1]], START)
    assert list(refused) == ["c"]
    assert expected in refused["c"]
    alone, _ = average(fitting, START)
    assert all(torch.equal(value, alone.state[key]) for key, value in mean.state.items())


def test_a_second_answer_of_a_site_is_left_out():
    mean, refused = average([sent("a", seed=1), sent("a", seed=2)], START)
    assert "came twice" in refused["a"]
    assert all(torch.equal(value, sent("a", seed=1).state[key]) for key, value in mean.state.items())


@pytest.mark.parametrize(
    ("updates", "least", "expected"),
    [
        pytest.param([], 1, "0 usable updates, expected at least 1: no other site answered", id="nobody"),
        pytest.param([sent("a")], 2, "1 usable updates, expected at least 2", id="too_few"),
        pytest.param([sent("a"), broken("b")], 2, "update of b: .* not finite", id="too_few_usable"),
    ],
)
def test_too_few_sites_end_the_round(updates, least, expected):
    with pytest.raises(InputError, match=expected) as caught:
        average(updates, START, least)
    assert "\n" not in str(caught.value)
