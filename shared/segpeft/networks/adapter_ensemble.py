"""Several sets of adapters on one frozen base, as one network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import sharing_copy


class AdapterEnsemble(nn.Module):
    """k networks that share one frozen base, each with adapters and decoder of its own.

    A deep ensemble (Lakshminarayanan et al. 2017, arXiv 1612.01474) of the parts that were trained. All members keep
    their logits, so that what follows has a mean and a spread; see
    :class:`segpeft.engines.ensemble_uncertainty.EnsembleMeand`.

    Args:
        network: a network with a method; left as it is.
        members: k.

    Raises:
        InputError: ``members`` is below 2, or ``network`` carries no method.
    """

    def __init__(self, network: nn.Module, members: int) -> None:
        super().__init__()
        if members < 2:
            raise InputError(f"adapters lists {members} files: expected at least 2 for an ensemble")
        if getattr(network, "peft", None) is None:
            raise InputError(f"{type(network).__name__} carries no method: pass it through apply_peft first")
        self.members = nn.ModuleList(sharing_copy(network) for _ in range(members))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Maps an image (B, C, H, W, D) to the logits of all members, (B, k * R, H, W, D), members slowest.

        Args:
            x: image.
            present: (B, C), handed to the members where it is given.
        """
        if present is None:
            return torch.cat([member(x) for member in self.members], 1)
        return torch.cat([member(x, present) for member in self.members], 1)
