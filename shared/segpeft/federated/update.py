"""What sites and server exchange: the trainable state of a network, with the header of an adapter file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft.adapter_match import check_adapter
from segpeft.peft.checkpoint import adapter_state, load_adapter_state, network_header
from segpeft.tensor_files import read_tensor_bytes, tensor_bytes

SERVER = "server"
"""Who sends what was averaged."""

REQUIRED = ("method", "layout", "base_sha256")


@dataclass(frozen=True)
class Update:
    """A trainable state on its way.

    Attributes:
        state: tensors by state-dict name, floating ones in float32.
        header: of an adapter file: method with its hyper-parameters, layout, sha256 of the base.
        site: who sends it.
        cases: how many cases it was trained on; its weight in the average.
    """

    state: Mapping[str, Tensor]
    header: Mapping[str, str]
    site: str = SERVER
    cases: int = 0

    @property
    def source(self) -> str:
        """Who sent it, as messages begin."""
        return f"update of {self.site}"

    def to_bytes(self) -> bytes:
        """Returns it as safetensors, the content of an adapter file: no pickle, nothing that could be code."""
        return tensor_bytes(self.state, {**self.header, "site": self.site, "cases": str(self.cases)})

    @classmethod
    def from_bytes(cls, content: bytes, site: str) -> Update:
        """Reads what :meth:`to_bytes` made; ``site`` is who sent it, whatever the content says.

        Raises:
            InputError: it is damaged, or lacks a part of the header.
        """
        state, header = read_tensor_bytes(content, f"update of {site}")
        return cls(state, header, site, _cases(header.get("cases", "0"), site))

    @classmethod
    def received(
        cls,
        site: str,
        values: Mapping[str, Any] | None,
        header: Mapping[str, str] | None,
        cases: Any,
        kind: Any,
        whole: Any,
    ) -> Update:
        """Makes it of what an object of a framework held.

        Args:
            site: who sent it.
            values: tensors or arrays by name, None where there are none.
            header: None where there is none.
            cases: how many it was trained on.
            kind: what the framework calls that kind of values.
            whole: what it calls whole weights.

        Raises:
            InputError: there are no values or no header, or they are differences of weights instead of weights.
        """
        if not values or header is None:
            raise InputError(f"update of {site}: holds no weights with the header of an adapter file")
        if kind != whole:
            raise InputError(f"update of {site}: holds {kind}, expected {whole}")
        return cls({key: torch.as_tensor(value) for key, value in values.items()}, header, site, int(cases))


def _cases(text: str, site: str) -> int:
    if not text.isdigit():
        raise InputError(f"update of {site}: cases is {text!r}, expected a whole number")
    return int(text)


def update_of(network: nn.Module, site: str = SERVER, cases: int = 0) -> Update:
    """Returns the trainable state of ``network`` as it is now; training it on does not change the update.

    Raises:
        InputError: the network carries no method.
    """
    header = network_header(network)
    return Update({key: value.clone() for key, value in adapter_state(network).items()}, header, site, cases)


def load_update(network: nn.Module, update: Update) -> None:
    """Loads an update into a network on the same base, with the same method; strict in both directions.

    Raises:
        InputError: in one line that names the sender: method, hyper-parameter, base, key or shape differ, or a value is
            not finite. The network is unchanged then.
    """
    _check_form(update)
    places = ("in the update", "in the network")
    load_adapter_state(network, update.state, update.header, update.source, places)


def check_update(update: Update, reference: Update) -> None:
    """Checks an update against the state that its round began with.

    Raises:
        InputError: in one line that names the sender: as of :func:`load_update`, or it was trained on no case.
    """
    _check_form(update)
    places = ("in the update", "in the federation")
    check_adapter(update.state, update.header, reference.state, reference.header, update.source, places)
    if update.cases < 1:
        raise InputError(f"{update.source}: trained on {update.cases} cases, expected at least one")


def _check_form(update: Update) -> None:
    lacking = [name for name in REQUIRED if name not in update.header]
    if lacking:
        raise InputError(f"{update.source}: the header lacks {lacking[0]}")
    for key, value in update.state.items():
        if not bool(torch.isfinite(value).all()):
            raise InputError(f"{update.source}: {key} holds values that are not finite (NaN or infinity)")
