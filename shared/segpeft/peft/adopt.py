"""Turning a module into one of a subclass without renaming anything it holds."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def adopt(module: nn.Module, cls: type[M]) -> M:
    """Returns a ``cls`` that holds what ``module`` holds, under the same names.

    Parameters, buffers, submodules and plain attributes are taken over by reference, so state-dict keys and the
    identity of the weights stay as they were. The registries are copied: what ``cls`` registers later does not appear
    in ``module``. ``cls.__init__`` is not run; ``cls`` adds its own parts afterwards.

    Args:
        module: the module to take over.
        cls: a subclass of ``type(module)``.

    Raises:
        TypeError: if ``cls`` is no subclass of the module's class, so that its forward could miss attributes.
    """
    if not issubclass(cls, type(module)):
        raise TypeError(f"{cls.__name__} cannot adopt a {type(module).__name__}: it must be a subclass of it")
    new = cls.__new__(cls)
    for name, value in module.__dict__.items():
        new.__dict__[name] = value.copy() if isinstance(value, (dict, set)) else value
    return new


def replace_module(root: nn.Module, path: str, new: nn.Module) -> None:
    """Puts ``new`` at the dotted ``path`` below ``root``."""
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, new)
