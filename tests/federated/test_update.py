"""What travels: all of the trainable state and nothing else, unchanged; and one line for what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from segpeft.errors import InputError
from segpeft.federated import Update, check_update, load_update, update_of
from segpeft.peft import BitFit, DoRA, DyLoRA, Full, LoRA, MedAdapter, trainable_state
from tests.federated.updates import network, sent
from tests.peft.methods import shake

KEY = "encoder.blocks.0.attn.qkv.lora_a"
METHODS = [
    pytest.param(LoRA(rank=2), id="lora"),
    pytest.param(DoRA(rank=2), id="dora"),
    pytest.param(MedAdapter(), id="med_adapter"),
    pytest.param(BitFit(), id="bitfit"),
    pytest.param(Full(), id="full"),
]


@pytest.mark.parametrize("method", METHODS)
def test_a_network_gets_what_another_one_has(method):
    there, here = shake(network(method), 1), shake(network(method), 2)
    load_update(here, Update.from_bytes(update_of(there, "a", 3).to_bytes(), "a"))
    assert all(torch.equal(value, here.state_dict()[key]) for key, value in there.state_dict().items())


def test_it_holds_the_trainable_state_and_little_else():
    there = network()
    content = update_of(there, "a", 3).to_bytes()
    update = Update.from_bytes(content, "a")
    assert set(update.state) == set(trainable_state(there))
    assert update.cases == 3
    values = sum(4 * value.numel() for value in update.state.values())
    assert values < len(content) < values + 200 * len(update.state) + 2000


def test_the_batch_norms_of_med_adapters_travel():
    kinds = {key.rsplit(".", 1)[-1] for key in sent(method=MedAdapter()).state}
    assert {"running_mean", "running_var", "num_batches_tracked"} <= kinds


def test_training_on_does_not_change_what_was_sent():
    there = network()
    update = update_of(there)
    before = {key: value.clone() for key, value in update.state.items()}
    shake(there, 5)
    assert all(torch.equal(value, before[key]) for key, value in update.state.items())
    assert not torch.equal(there.state_dict()[KEY], before[KEY])


def with_value(value: float) -> Update:
    update = sent()
    state = {**update.state, KEY: update.state[KEY].clone()}
    state[KEY][0, 0] = value
    return replace(update, state=state)


def changed(header: dict | None = None, **state: torch.Tensor | None) -> Update:
    """An update with other tensors (None removes one) or header fields."""
    update = sent()
    kept = {key: value for key, value in {**update.state, **state}.items() if value is not None}
    fields = {key: value for key, value in {**update.header, **(header or {})}.items() if value is not None}
    return replace(update, state=kept, header=fields)


MISFITS = [
    pytest.param(lambda: sent(method=LoRA(rank=3)), "rank is 3 in the update, 2 in the", id="rank"),
    pytest.param(lambda: sent(method=LoRA(rank=2, alpha=4)), "alpha is 4 in the update", id="alpha"),
    pytest.param(lambda: sent(method=DyLoRA(rank=2)), "method is 'dylora' in the update", id="method"),
    pytest.param(lambda: sent(base=1), "belongs to another base", id="base"),
    pytest.param(lambda: with_value(float("nan")), f"{KEY} holds values that are not finite", id="nan"),
    pytest.param(lambda: with_value(float("inf")), f"{KEY} holds values that are not finite", id="infinity"),
    pytest.param(lambda: changed(**{KEY: None}), f"lacks {KEY}", id="missing"),
    pytest.param(lambda: changed(**{"encoder.extra": torch.ones(1)}), "unknown encoder.extra", id="extra"),
    pytest.param(lambda: changed(**{KEY: torch.ones(1, 12)}), "is (1, 12) in the update", id="shape"),
    pytest.param(lambda: changed({"base_sha256": None}), "header lacks base_sha256", id="no_base"),
    pytest.param(lambda: changed({"method": "{"}), "header's method is not readable", id="bad_method"),
]


@pytest.mark.parametrize(("update", "expected"), MISFITS)
def test_a_site_refuses_what_does_not_fit(update, expected):
    here = network()
    before = {key: value.clone() for key, value in here.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_update(here, update())
    assert str(caught.value).startswith("update of a: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in here.state_dict().items())


@pytest.mark.parametrize(
    ("update", "expected"),
    [*MISFITS, pytest.param(lambda: sent(cases=0), "trained on 0 cases", id="no_cases")],
)
def test_the_server_refuses_what_does_not_fit(update, expected):
    with pytest.raises(InputError) as caught:
        check_update(update(), sent(site="server", seed=2))
    assert str(caught.value).startswith("update of a: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x80\x04pickled", id="no_safetensors"),
        pytest.param(sent().to_bytes()[:-10], id="cut"),
    ],
)
def test_damaged_bytes_are_refused(content):
    with pytest.raises(InputError, match=r"^update of b: not readable as safetensors"):
        Update.from_bytes(content, "b")


def test_the_sender_is_who_sent_it():
    assert Update.from_bytes(sent("a").to_bytes(), "b").site == "b"


def test_cases_are_a_number():
    update = sent()
    content = replace(update, header={**update.header}, cases="many").to_bytes()  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cases is 'many'"):
        Update.from_bytes(content, "a")
