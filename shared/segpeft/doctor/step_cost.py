"""Does a training step fit into memory, and how long does it take?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from segpeft.engines.precision import autocast_dtype
from segpeft.errors import reason_of
from segpeft.finding import ERROR, NOTE, WARNING, Finding

from .resources import default_device, free_memory
from .step_estimate import StepEstimate, estimate_step, optimizer_states, squared

MARGIN = 1.25
"""What is taken beyond the tensors that are counted: workspaces, fragments, the next batch."""
LONGEST = 60.0
"""Seconds that a measured step may be expected to take."""
PRODUCT = 1024
"""Size of the matrix product by which the speed of the device is guessed; convolutions reach a tenth of it."""


def check_step(network: nn.Module, knobs: Mapping[str, Any], quick: bool) -> Iterator[Finding]:
    """Yields what a training step takes, whether that fits, and its seconds.

    Args:
        network: of the training.
        knobs: values of `image_size`, `channels`, `batch_size`, `crops_per_case`, `amp` and `optimizer`.
        quick: measure no step.
    """
    device = default_device()
    shape = batch_shape(knobs)
    dtype = autocast_dtype(device, bool(knobs.get("amp")), network)
    try:
        found = estimate_step(network, shape, optimizer_states(knobs.get("optimizer") or {}), device.type, dtype)
    except Exception as error:  # whatever a network of somebody else does with a tensor that has no content
        yield Finding("step", f"its memory cannot be estimated ({type(error).__name__}: {reason_of(error)})", NOTE)
        return
    yield Finding("step", _said(found, shape), NOTE)
    fits = yield from _fit(found, free_memory(device), device)
    if fits and not quick:
        yield _seconds(network, shape, found, device, dtype)


def batch_shape(knobs: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the shape (B, C, H, W, D) of a batch of the training; slices have no D."""
    images = int(knobs.get("batch_size") or 1) * int(knobs.get("crops_per_case") or 1)
    return images, len(knobs.get("channels") or ["one"]), *map(int, knobs["image_size"])


def _said(found: StepEstimate, shape: tuple[int, ...]) -> str:
    parts = {
        "weights": found.weights,
        "gradients": found.gradients,
        "optimizer": found.optimizer,
        "forward and backward pass": found.activations,
    }
    listed = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in parts.items())
    counts = f"{found.trained:,} of {found.parameters:,} parameters trained"
    return f"batch {' x '.join(map(str, shape))}, {counts}: {found.total / 1e9:.2f} GB ({listed})"


def _fit(found: StepEstimate, free: int | None, device: torch.device) -> Any:
    if free is None:
        yield Finding("step", "how much memory is free cannot be told here", NOTE)
        return True
    needed, place = MARGIN * found.total, "the GPU" if device.type == "cuda" else "the host"
    text = f"needs about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free on {place}"
    if needed <= free:
        yield Finding("step", f"fits: {text}", NOTE)
        return True
    advice = "lower feature_size, image_size, batch_size or crops_per_case"
    yield Finding("step", f"does not fit: {text}; {advice}", ERROR if found.total > free else WARNING)
    return False


def _seconds(
    network: nn.Module, shape: tuple[int, ...], found: StepEstimate, device: torch.device, dtype: torch.dtype | None
) -> Finding:
    guess = 10 * found.operations / _speed(device)
    if guess > LONGEST:
        text = f"{found.operations / 1e12:.1f} T operations: not measured, may take more than {LONGEST:.0f} s here"
        return Finding("step", text, NOTE)
    network = network.to(device).train()
    seconds = min(_timed(network, shape, device, dtype) for _ in range(2))  # the first one warms up
    return Finding("step", f"{seconds:.2f} s for forward and backward pass on this device, loading not included", NOTE)


def _timed(network: nn.Module, shape: tuple[int, ...], device: torch.device, dtype: torch.dtype | None) -> float:
    image = torch.randn(*shape, device=device)
    _wait(device)
    start = time.perf_counter()
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        loss = squared(network(image))
    loss.backward()
    _wait(device)
    network.zero_grad(set_to_none=True)
    return time.perf_counter() - start


def _speed(device: torch.device) -> float:
    """Returns the floating point operations a second of a matrix product."""
    one = torch.randn(PRODUCT, PRODUCT, device=device)
    seconds = []
    for _ in range(3):
        _wait(device)
        start = time.perf_counter()
        one @ one  # noqa: B018
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return 2 * PRODUCT**3 / max(min(seconds), 1e-9)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
