"""What one training step takes of memory, found without computing it, and its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from monai.utils import optional_import
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from .live_tensors import LiveTensors


@dataclass(frozen=True)
class StepEstimate:
    """One step of a training, in bytes where nothing else is said.

    Attributes:
        parameters: of the network.
        trained: of them.
        weights: parameters and buffers.
        gradients: of what is trained.
        optimizer: what it keeps of each trained parameter.
        activations: the most that forward and backward pass hold beside the weights and gradients.
        operations: floating point operations of both passes.
    """

    parameters: int
    trained: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    operations: int

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.weights + self.gradients + self.optimizer + self.activations


def estimate_step(
    network: nn.Module, shape: Sequence[int], states: int, device: str = "cpu", dtype: torch.dtype | None = None
) -> StepEstimate:
    """Returns what a step takes, from a pass over tensors that have a shape and no content.

    The loss is taken to need as much as a square of the network's output does.

    Args:
        network: as the training has it.
        shape: (B, C, H, W, D) of a batch.
        states: numbers that the optimizer keeps of each trained one.
        device: that the pass is imagined on, as operations keep different things on different devices.
        dtype: of autocast, None for none.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    weights = sum(_bytes(tensor) for tensor in (*network.parameters(), *network.buffers()))
    gradients = sum(map(_bytes, trained))
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    imagined = _imagined(network, fake, device)
    with fake, FlopCounterMode(display=False) as counter, LiveTensors() as live:
        image = torch.empty(*shape, device=device)
        with torch.autocast(device, dtype, enabled=dtype is not None):
            loss = squared(imagined(image))
        loss.backward()
    return StepEstimate(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        trained=sum(parameter.numel() for parameter in trained),
        weights=weights,
        gradients=gradients,
        optimizer=states * gradients,
        activations=max(live.peak - gradients, 0),
        operations=counter.get_total_flops(),
    )


def squared(output: Any) -> Tensor:
    """Returns the mean square of a network's (first) output: stands for any loss."""
    return (output if isinstance(output, Tensor) else output[0]).float().square().mean()


def optimizer_states(described: Mapping[str, Any]) -> int:
    """Returns how many numbers the optimizer of a config keeps of each trained one, found on a small tensor.

    Args:
        described: its entry, with `_target_`.
    """
    module, _, name = str(described.get("_target_", "torch.optim.Adam")).rpartition(".")
    kind, there = optional_import(module or "torch.optim", name=name)
    plain = {key: value for key, value in described.items() if key[0] != "_" and key != "params" and _plain(value)}
    parameter = nn.Parameter(torch.ones(8))
    parameter.grad = torch.ones(8)
    if not there:
        return 2
    optimizer = kind([parameter], **{"lr": 1e-3, **plain})
    optimizer.step()
    return sum(value.numel() == 8 for value in optimizer.state[parameter].values() if isinstance(value, Tensor))


def _plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, list)) and not isinstance(value, str)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _imagined(network: nn.Module, fake: FakeTensorMode, device: str) -> nn.Module:
    """Returns a copy in training mode whose weights have no content."""
    imagined = deepcopy(network).train()
    for module in imagined.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                with fake:
                    empty = torch.empty_like(fake.from_tensor(tensor.detach()), device=device)
                kept = nn.Parameter(empty, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else empty
                tensors[name] = kept  # type: ignore[assignment]
    return imagined
