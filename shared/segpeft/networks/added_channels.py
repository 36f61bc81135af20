"""A modality that comes later: from a trained network of C channels to one of more, training only the new part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import ChannelLoRALinear

from .decoders import UNETRDecoder
from .fusion import ChannelFusion


@dataclass(frozen=True)
class ChannelAxis:
    """Where a weight has a slice for each image channel.

    Args:
        axis: of the weight; its size is C times the width of a slice, channels slowest.
        zero: a new channel's slice starts at 0; otherwise as the network was built.
    """

    axis: int
    zero: bool = True


CHANNEL_AXES: dict[type[nn.Module], dict[str, ChannelAxis]] = {
    ChannelLoRALinear: {"lora_a": ChannelAxis(0, zero=False), "lora_b": ChannelAxis(0)},
    ChannelFusion: {"reduce.weight": ChannelAxis(1)},
    UNETRDecoder: {
        "encoder1.layer.conv1.conv.weight": ChannelAxis(1),
        "encoder1.layer.conv3.conv.weight": ChannelAxis(1),
    },
}
"""Which weights of which modules have slices for channels; all others are the same for any number of channels."""


def channel_axes(network: nn.Module) -> dict[str, ChannelAxis]:
    """Returns the weights of a network that have a slice for each channel, by state-dict name."""
    known, found = dict(network.named_parameters()), {}
    for path, module in network.named_modules():
        for kind, axes in CHANNEL_AXES.items():
            if isinstance(module, kind):
                found.update({f"{path}.{name}" if path else name: axis for name, axis in axes.items()})
    return {name: axis for name, axis in found.items() if name in known}


def new_channels(channels: Sequence[str], trained_channels: Sequence[str]) -> list[int]:
    """Returns the positions in ``channels`` of those that are not in ``trained_channels``.

    Raises:
        InputError: a name stands twice, a trained channel is gone, or none is new.
    """
    for knob, names in (("channels", channels), ("trained_channels", trained_channels)):
        if len(set(names)) < len(names) or not names:
            raise InputError(f"{knob} is {list(names)}: expected names, each once")
    gone = [name for name in trained_channels if name not in channels]
    if gone:
        raise InputError(f"channels is {list(channels)}: expected it to hold the trained channel {gone[0]}, too")
    new = [index for index, name in enumerate(channels) if name not in trained_channels]
    if not new:
        raise InputError(f"channels is {list(channels)}: expected one that is not in trained_channels")
    return new


class OnlyNewSlices:
    """Zeroes the gradient of a weight everywhere but in the slices of new channels.

    Adam's step for a gradient that has always been 0 is exactly 0, so trained slices stay bit-equal without weight
    decay.

    Args:
        axis: where the channels are.
        channels: C.
        new: positions of the new ones.
    """

    def __init__(self, axis: int, channels: int, new: Sequence[int]) -> None:
        self.axis, self.channels, self.new = axis, channels, list(new)

    def __call__(self, gradient: Tensor) -> Tensor:
        """Returns the gradient to use."""
        result = torch.zeros(gradient.shape, dtype=gradient.dtype, device=gradient.device)
        index = torch.tensor(self.new, device=gradient.device)
        kept = gradient.unflatten(self.axis, (self.channels, -1)).index_select(self.axis, index)
        result.unflatten(self.axis, (self.channels, -1)).index_copy_(self.axis, index, kept)
        return result


def train_added_channels(network: nn.Module, channels: Sequence[str], trained_channels: Sequence[str]) -> nn.Module:
    """Freezes all of a network but the slices of new channels, and returns it.

    Trained are the adapters of the new channels, their columns of the fusions, and their columns of the decoder's
    first block. Weights that hold trained and new slices keep ``requires_grad``; hooks zero the gradient of the trained
    ones. ``network.partly_trained`` says how many values of such a weight are trained, for
    :func:`segpeft.peft.count_parameters`.

    Args:
        network: of ``len(channels)`` channels, with its method applied, before an optimizer gets its parameters.
        channels: names in the order of the network's channels.
        trained_channels: names of those it gets from :func:`load_trained_channels`.

    Raises:
        InputError: the names do not fit each other, or the network has no channels.
    """
    new, axes = new_channels(channels, trained_channels), channel_axes(network)
    if not axes:
        raise InputError(f"{type(network).__name__} has no weights by channel: expected a ChannelUNETR")
    partly: dict[str, int] = {}
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in axes)
        if name in axes:
            parameter.register_hook(OnlyNewSlices(axes[name].axis, len(channels), new))
            partly[name] = parameter.numel() // len(channels) * len(new)
    network.partly_trained = partly  # type: ignore[assignment]
    return network


def load_trained_channels(
    network: nn.Module,
    state: Mapping[str, Tensor],
    channels: Sequence[str],
    trained_channels: Sequence[str],
    source: object = "state",
) -> nn.Module:
    """Copies a trained network of fewer channels into ``network``, channels matched by name, and returns it.

    Slices of new channels start at 0 (their ``lora_a`` as it was drawn): whatever a new channel shows, the output is
    that of the trained network until the first step, as long as a case has all its channels (``present`` scales the
    fusion's input by C / n, and C has grown).

    Args:
        network: of ``len(channels)`` channels and the same method and sizes.
        state: of the trained network.
        channels: names in the order of the network's channels.
        trained_channels: names in the order of the trained network's.
        source: where ``state`` is from, for messages.

    Raises:
        InputError: the names do not fit each other, or a key or shape differs.
    """
    new = new_channels(channels, trained_channels)
    axes, own = channel_axes(network), network.state_dict()
    wrong = sorted(set(own) ^ set(state))
    if wrong:
        where = "lacks" if wrong[0] in own else "has the unknown"
        raise InputError(f"{source}: {where} {wrong[0]}: expected a network of the same method and sizes")
    kept = [index for index in range(len(channels)) if index not in new]
    positions = torch.tensor(kept), torch.tensor([list(trained_channels).index(channels[i]) for i in kept])
    with torch.no_grad():
        for name, value in own.items():
            _check_shape(name, value, state[name], axes.get(name), len(channels), len(trained_channels), source)
            _copy(value, state[name].to(value), axes.get(name), len(channels), len(trained_channels), positions)
    return network


def _check_shape(
    name: str, value: Tensor, given: Tensor, axis: ChannelAxis | None, channels: int, trained: int, source: object
) -> None:
    expected = list(value.shape)
    if axis is not None:
        expected[axis.axis] = expected[axis.axis] // channels * trained
    if list(given.shape) != expected:
        raise InputError(f"{source}: {name} is {tuple(given.shape)}, expected {tuple(expected)} for {trained} channels")


def _copy(
    value: Tensor,
    given: Tensor,
    axis: ChannelAxis | None,
    channels: int,
    trained: int,
    positions: tuple[Tensor, Tensor],
) -> None:
    if axis is None:
        value.copy_(given)
        return
    if axis.zero:
        value.zero_()
    here, there = (index.to(value.device) for index in positions)
    slices = given.unflatten(axis.axis, (trained, -1)).index_select(axis.axis, there)
    value.unflatten(axis.axis, (channels, -1)).index_copy_(axis.axis, here, slices)
