"""Med-Tuning: adapters after the blocks of a frozen transformer, in which the slices of a volume see each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from segpeft.errors import InputError

from .bottleneck import zero_
from .fourier import SliceFilter, VolumeFilter
from .hosts import host_backbone
from .layouts import Layout
from .linear_gelu import LinearGELU
from .method import Method, check_count
from .sockets import Socket, fill_socket
from .token_volume import tokens_of, volume_of
from .volume_convs import LargeKernelConv, PlaneAndLineConv

FUSIONS = ("none", "add", "max", "concat")
VARIANTS = ("global", "reference")
INITS = ("zero", "default")


@dataclass(frozen=True)
class MedAdapter(Method):
    """Med-Adapters of "Med-Tuning" (arXiv 2304.10880): one after every transformer block, 2D or 3D, ViT or Swin.

    A frozen 2D backbone reads slices one by one; the adapters see the volume that they make up, through depth-wise
    convolutions of two sizes and a filter in the frequency domain (Intra-FE), and the last one of a stage also what
    that of the stage before found (Inter-FI). In a 3D backbone the last axis of the token grid counts as the slices.

    What differs from the authors' code: the Fourier branch (``variant``), the start (``init``), and the first stage
    has no Inter-FI, because nothing comes before it (theirs gets zeros, so some of its weights never get a gradient).
    Batch statistics make the output of a case depend on the others of its batch while training; under
    ``torch.nn.SyncBatchNorm.convert_sync_batchnorm`` processes share them.

    Args:
        alpha: bottleneck ratio: the hidden width is ``int(C / alpha)``. The paper uses 4 in most ablations; 6 costs
            a third less and is what its main tables count.
        conv3: whether Intra-FE has the depth-wise convolutions of kernel 3.
        conv5: whether it has those of kernel 5.
        fft: whether it has the Fourier branch.
        mixing: whether a linear layer mixes the channels of their sum (CM).
        large_kernel: K of a depth-wise ``K x K x K`` convolution in place of the Fourier branch (9 or 11 in the
            paper's ablation); needs ``fft=False``.
        fusion: how Inter-FI joins a stage with the one before: ``concat``, ``add``, ``max``, or ``none`` for Intra-FE
            alone.
        variant: of the Fourier branch. ``global`` is a filter over all three axes for each channel, as the paper's
            equation says (:class:`segpeft.peft.fourier.VolumeFilter`), and the default because it sees in-plane
            frequencies and keeps the sign; ``reference`` is what the authors' code computes, a filter along the slices
            (:class:`segpeft.peft.fourier.SliceFilter`), and gives the published counts.
        slices: D that the ``reference`` variant has weights for; volumes of another D work.
        frequencies: known frequencies an axis of the ``global`` variant; its weights are ``frequencies^3 * hidden``.
        init: ``zero`` starts with up-projections of 0, so that training begins at the pre-trained network, and is the
            default because the frozen blocks were trained on that; ``default`` is the authors': torch's own
            initialisation, which changes the tokens of every block from the first step on, in the median by a quarter
            of their norm (26 % ``global``, 25 % ``reference``, in a ViT-B/16 with weights of its own that are random:
            ``python -m benchmarks.med_tuning_step --only start``).
    """

    name: ClassVar[str] = "med_adapter"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = (
        "2 * C * (C // alpha) + C + (C // alpha) * (51 + frequencies ** 3) + (C // alpha + 1) * (C // alpha)"
    )
    formula_once: ClassVar[str] = "3 * ((C // alpha + 1) * (C // alpha) + (2 * (C // alpha) + 1) * (C // alpha))"
    advice: ClassVar[str] = "A 2D backbone on volumes: its slices have to see each other."
    alpha: float = 6
    conv3: bool = True
    conv5: bool = True
    fft: bool = True
    mixing: bool = True
    large_kernel: int | None = None
    fusion: str = "concat"
    variant: str = "global"
    slices: int = 128
    frequencies: int = 4
    init: str = "zero"

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        if not self.alpha >= 1:
            raise InputError(f"alpha {self.alpha} is out of range: expected at least 1")
        for knob, allowed in (("fusion", FUSIONS), ("variant", VARIANTS), ("init", INITS)):
            if getattr(self, knob) not in allowed:
                raise InputError(f"{knob} {getattr(self, knob)!r} is unknown: expected one of {', '.join(allowed)}")
        for knob in ("slices", "frequencies"):
            check_count(knob, getattr(self, knob))
        large = self.large_kernel
        if large is not None and (not isinstance(large, int) or large < 3 or large % 2 == 0):
            raise InputError(f"large_kernel {large} is out of range: expected an odd integer of at least 3")
        if large is not None and self.fft:
            raise InputError(f"large_kernel {large} stands in place of the Fourier branch: expected fft False with it")
        if not (self.conv3 or self.conv5 or self.fft or large):
            raise InputError("conv3, conv5, fft and large_kernel are all off: expected at least one branch")

    def describe(self) -> dict[str, Any]:
        """Returns the hyper-parameters that have an effect; those of the other Fourier branch a file need not match."""
        unused = "slices" if self.variant == "global" else "frequencies"
        return {name: value for name, value in super().describe().items() if name != unused}

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Puts a :class:`MedAdapterSocket` after every block."""
        backbone = host_backbone(backbone, layout)
        axis, stride = layout.slice_axis(backbone), layout.stage_stride
        strides = (stride if axis else 1, stride, stride)
        previous = 0  # hidden width of the stage before
        for stage in layout.stages(backbone):
            for path in stage:
                hidden = self._hidden(layout, backbone, path)
                inter = self._inter_fi(previous, hidden, strides) if path == stage[-1] else Carry()
                width = layout.width(backbone, path)
                socket = MedAdapterSocket(width, self._intra_fe(hidden), inter, axis, self.init)
                fill_socket(backbone.get_submodule(path), "after_block", socket)
            previous = hidden
        return backbone

    def _hidden(self, layout: Layout, backbone: nn.Module, path: str) -> int:
        width = layout.width(backbone, path)
        if width < self.alpha:
            raise InputError(f"alpha {self.alpha} leaves nothing of width {width} of {path}: expected at most {width}")
        return int(width / self.alpha)

    def _intra_fe(self, hidden: int) -> IntraFE:
        branches: dict[str, nn.Module] = {}
        if self.conv3:
            branches["conv3"] = PlaneAndLineConv(hidden, 3)
        if self.conv5:
            branches["conv5"] = PlaneAndLineConv(hidden, 5)
        if self.fft and self.variant == "global":
            branches["fft"] = VolumeFilter(hidden, self.frequencies)
        elif self.fft:
            branches["fft"] = SliceFilter(self.slices)
        if self.large_kernel is not None:
            branches["large"] = LargeKernelConv(hidden, self.large_kernel)
        return IntraFE(hidden, branches, self.mixing)

    def _inter_fi(self, previous: int, hidden: int, strides: tuple[int, int, int]) -> nn.Module:
        if self.fusion == "none":
            return Carry()
        return InterFI(previous, hidden, strides, self.fusion) if previous else FirstCarry()


class MedAdapterSocket(Socket):
    """``x + GELU(up(z + H))`` with ``z = GELU(down(x))`` and ``H = Inter-FI(Intra-FE(z))``; GELU is part of the layers.

    ``carry`` is the ``H`` of the stage before, (B, D, h', w', C' / alpha). A 3D backbone's tokens are put into the
    order of a 2D one at their hidden width, so that all below it is one implementation.

    Args:
        width: C.
        intra_fe: maps volumes (B, D, h, w, hidden) to the same shape.
        inter_fi: maps such a volume and ``carry`` to the same two.
        slice_axis: of the token grid, :meth:`segpeft.peft.layouts.Layout.slice_axis`.
        init: ``zero`` for an up-projection of 0, ``default`` for torch's.
    """

    def __init__(self, width: int, intra_fe: IntraFE, inter_fi: nn.Module, slice_axis: int, init: str) -> None:
        super().__init__()
        self.slice_axis = slice_axis
        self.down = LinearGELU(width, intra_fe.channels)
        self.intra_fe, self.inter_fi = intra_fe, inter_fi
        self.up = LinearGELU(intra_fe.channels, width)
        if init == "zero":
            zero_(self.up)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C), or (B * D, N, C) of slices, to the same shape; see :meth:`Socket.forward`."""
        z = self.down(x)
        volume = volume_of(z, grid, self.slice_axis)  # (B, D, h, w, hidden)
        feature, carry = self.inter_fi(self.intra_fe(volume), carry)
        return x + self.up(z + tokens_of(feature, z, self.slice_axis)), carry


class IntraFE(nn.Module):
    """Intra-stage feature enhancement: the sum of the branches, its channels mixed by a linear layer.

    Args:
        channels: hidden width.
        branches: name -> a module that maps volumes (B, D, h, w, channels) to the same shape.
        mixing: whether there is the linear layer.
    """

    def __init__(self, channels: int, branches: dict[str, nn.Module], mixing: bool) -> None:
        super().__init__()
        self.channels = channels
        self.branches = nn.ModuleDict(branches)
        self.mixing = nn.Linear(channels, channels) if mixing else nn.Identity()

    def forward(self, volume: Tensor) -> Tensor:
        """Maps a volume (B, D, h, w, channels) to the same shape."""
        found: list[Tensor] = []
        for branch in self.branches.values():
            found.append(branch(volume))
        total = found[0]
        for one in found[1:]:
            total = total + one
        return self.mixing(total)


class Carry(nn.Module):
    """In place of Inter-FI where a stage goes on, or there is none: hands on what came."""

    def forward(self, feature: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """Returns both as they are."""
        return feature, carry


class FirstCarry(nn.Module):
    """In place of Inter-FI at the end of the first stage: begins what is handed on."""

    def forward(self, feature: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the feature, and it again to hand on."""
        return feature, feature


class InterFI(nn.Module):
    """Inter-stage feature interaction: joins ``H`` with that of the stage before, brought to its grid and width.

    ``align`` is a convolution of kernel ``2 s - 1`` along axes that the patch merging shrinks by s: 3 where tokens are
    merged in pairs, 1 elsewhere (1 x 1 x 1 in a ViT).

    Args:
        previous: hidden width of the stage before.
        channels: hidden width.
        strides: s of the axes (D, h, w) between the two stages.
        fusion: ``add``, ``max`` or ``concat`` (with a linear layer back to ``channels``).
    """

    def __init__(self, previous: int, channels: int, strides: tuple[int, int, int], fusion: str) -> None:
        super().__init__()
        self.fusion = fusion
        kernel, padding = [2 * s - 1 for s in strides], [s - 1 for s in strides]
        self.align = nn.Conv3d(previous, channels, kernel, strides, padding)  # type: ignore[arg-type]
        self.fuse = nn.Linear(2 * channels, channels) if fusion == "concat" else nn.Identity()

    def forward(self, feature: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps the feature (B, D, h, w, channels) and that of the stage before to the joint one, twice."""
        aligned = self.align(carry.movedim(-1, 1)).movedim(1, -1)
        if self.fusion == "add":
            joint = feature + aligned
        elif self.fusion == "max":
            joint = torch.maximum(feature, aligned)
        else:
            joint = self.fuse(torch.cat([feature, aligned], -1))
        return joint, joint
