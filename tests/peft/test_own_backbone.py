"""A backbone that the package has never seen joins by one layout: the code of docs/own-backbone.md."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import apply_peft, count_parameters, known_methods, method_from, trainable_parameters
from segpeft.peft.catalogue import trained_by_formula
from tests.peft.methods import SHIPPED

PAGE = Path(__file__).parents[2] / "docs" / "own-backbone.md"
WITHOUT = {
    "prefix": "names none",
    "prompt_tuning": "takes no prompts",
    "vpt": "takes no prompts",
}
"""The methods that need more than sockets and linear layers."""
KNOBS = {
    "adapter_drop": {"drop": 1},
    "channel_lora": {"channels": 2},
    "compacter": {"terms": 2},
    "med_adapter": {"alpha": 4},
}


@pytest.fixture(scope="module")
def page() -> dict:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    names: dict = {}
    exec(code, names)
    return names


def network(page: dict) -> nn.Module:
    torch.manual_seed(0)
    return page["Encoder"]()


def test_the_page_leaves_a_network_with_lora(page) -> None:
    assert count_parameters(page["network"])["backbone_peft"] == 4 * 6 * 16 * 16


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - set(WITHOUT)))
def test_methods_start_as_the_plain_network_and_train(name: str, page) -> None:
    plain, image = network(page), torch.randn(2, 1, 8, 8, 12)
    method = known_methods()[name](**KNOBS.get(name, {}))
    adapted = apply_peft(network(page), method, page["MINE"])
    assert torch.equal(adapted(image), plain(image))
    assert set(plain.state_dict()) <= set(adapted.state_dict())
    if name in ("full", "decoder_only"):
        return
    own = {"bitfit": -2 * 16 + 16, "norm_tuning": -2 * 16}.get(name, 0)  # no final norm here
    assert count_parameters(adapted)["trainable"] == trained_by_formula(method, 16, 32, 4) + own
    adapted(image).square().mean().backward()
    assert all(parameter.grad is not None for parameter in trainable_parameters(adapted))


@pytest.mark.parametrize("name", WITHOUT)
def test_what_needs_more_is_refused_with_the_reason(name: str, page) -> None:
    with pytest.raises(InputError, match=WITHOUT[name]):
        apply_peft(network(page), method_from(name), page["MINE"])
