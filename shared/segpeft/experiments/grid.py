"""The grid file: which runs an experiment is made of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from segpeft.errors import InputError

VARIANT = "@"
"""Stands between configuration and variant in the name of a row."""

CONFIGS = "configs"
"""The entry of a configuration that names config files; whatever else it has is an override."""

FOLDER_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True)
class Stage:
    """One ``monai.bundle`` run of every cell; the first gives the costs, the last the scores.

    Args:
        name: of the stage and of its output folder.
        run_id: expression to run.
        configs: config files of the bundle, later ones win.
        overrides: of the configs, for this stage alone.
    """

    name: str
    run_id: str
    configs: Sequence[str]
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Preparation:
    """One command before all cells: a data set, a pre-training.

    Args:
        name: what a person reads.
        result: a file that it leaves.
        command: arguments after ``python``; where it is None the rest describes a bundle's run.
        bundle: folder name of the bundle.
        run_id: expression to run.
        configs: config files of that bundle.
        overrides: of the configs.
    """

    name: str
    result: str
    command: Sequence[str] | None = None
    bundle: str = ""
    run_id: str = "training"
    configs: Sequence[str] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """An experiment: every configuration with every seed, each a cell.

    Overrides are config files after the bundle's own, in the order grid, stage, configuration (its ``configs`` first,
    so that they may take back what the grid says): keys may be nested (``train#loss``) or begin with ``+`` to extend a
    list or dict, as everywhere in MONAI's configs. Last come the knobs ``seed``, ``output_dir``, ``model_dir``,
    ``cache_dir`` and ``resume`` of the cell. Any text may hold placeholders (:func:`~segpeft.experiments.values.fill`);
    the runner gives ``out``, ``bundles`` and ``grid``, the folders of the results, of the bundles and of the grid file.

    Args:
        name: names the folder of the results.
        about: what the experiment is, for the head of its table.
        bundle: folder name of the bundle.
        stages: runs of each cell, in order.
        configurations: overrides by name of the row, in the order of the table; the entry ``configs`` lists further
            config files of the bundle.
        seeds: values of the knob ``seed``.
        overrides: of all cells and stages.
        overlays: further config files of the bundle, after those of each stage.
        data: makes data sets that nobody gives, before everything else.
        prepare: what comes then, before all cells.
        values: what placeholders stand for, may hold those of places; None must be given on the command line.
        metrics: columns of ``cases.csv`` to report, the first one in plot and tests.
        variants: overrides by name that every configuration can be crossed with, see :func:`vary`.
        tiny: replaces fields of the grid (and entries of ``values`` and ``overrides``) for a quick run; its ``about``
            goes in front of the grid's.
    """

    name: str
    bundle: str
    stages: Sequence[Stage]
    configurations: Mapping[str, Mapping[str, Any]]
    seeds: Sequence[int]
    about: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    overlays: Sequence[str] = ()
    data: Sequence[Preparation] = ()
    prepare: Sequence[Preparation] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    metrics: Sequence[str] = ("dice",)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)


def read_grid(path: Path, tiny: bool = False) -> Grid:
    """Reads a grid file.

    Args:
        path: a JSON file with the fields of :class:`Grid`. With ``base``, a path from its own folder or
            several, it has those files' fields too where it does not give its own, the later ones before the earlier;
            of ``values`` and ``overrides`` that is true of every entry, of ``tiny`` as of the grid. A base may have a
            base.
        tiny: the quick form; its name gets the ending ``_tiny``.

    Raises:
        InputError: naming the file and what is wrong with it.
    """
    content = _read_with_base(path)
    if tiny and isinstance(content, dict):
        if not content.get("tiny"):
            raise InputError(f"{path}: has no tiny form, expected it without --tiny")
        content = _made_tiny(content)
    grid: Grid = _build(Grid, content, path)
    stages = tuple(_build(Stage, stage, path) for stage in grid.stages)
    data, prepare = (tuple(_build(Preparation, step, path) for step in steps) for steps in (grid.data, grid.prepare))
    for name in ("stages", "configurations", "seeds", "metrics"):
        if not getattr(grid, name):
            raise InputError(f"{path}: {name} is empty, expected at least one")
    for name in (grid.name, *grid.configurations, *grid.variants, *(stage.name for stage in stages)):
        if not FOLDER_NAME.fullmatch(name):
            raise InputError(f"{path}: {name!r} names a folder, expected letters, digits and . _ + - only")
    return replace(grid, stages=stages, data=data, prepare=prepare)


def _read_with_base(path: Path) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}), expected a grid") from error
    if not isinstance(content, dict) or "base" not in content:
        return content
    named, merged = content.pop("base"), dict[str, Any]()
    for base in [named] if isinstance(named, str) else named:
        merged = _merged(merged, _read_with_base(path.parent / str(base)))
    return _merged(merged, content)


def _merged(content: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    entries = {name: {**(content.get(name) or {}), **later[name]} for name in ("values", "overrides") if name in later}
    if content.get("tiny") and later.get("tiny"):
        entries["tiny"] = _merged(content["tiny"], later["tiny"])
    return {**content, **later, **entries}


def vary(grid: Grid, names: Sequence[str]) -> Grid:
    """Returns the grid with every configuration crossed with variants: ``lora_16`` becomes ``lora_16@50``.

    Args:
        grid: an experiment.
        names: of its variants.

    Raises:
        InputError: the grid has no variant of a name.
    """
    unknown = [name for name in names if name not in grid.variants]
    if unknown:
        raise InputError(f"--variants {unknown[0]}: no such variant, expected some of {', '.join(grid.variants)}")
    crossed = {
        f"{configuration}{VARIANT}{name}": _crossed(overrides, grid.variants[name])
        for configuration, overrides in grid.configurations.items()
        for name in names
    }
    return replace(grid, configurations=crossed)


def _crossed(overrides: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    configs = [*overrides.get(CONFIGS, ()), *variant.get(CONFIGS, ())]
    return {**overrides, **variant, **({CONFIGS: configs} if configs else {})}


def _made_tiny(content: dict[str, Any]) -> dict[str, Any]:
    tiny = content["tiny"]
    about = f"{tiny.get('about', '')} {content.get('about', '')}".strip()
    return {**_merged(content, tiny), "name": f"{content.get('name')}_tiny", "about": about}


def _build(kind: type[Any], content: Any, path: Path) -> Any:
    """Returns a dataclass made of a JSON object."""
    allowed = {entry.name: entry.default is MISSING and entry.default_factory is MISSING for entry in fields(kind)}
    where = f"{path}: {kind.__name__.lower()}"
    if not isinstance(content, dict):
        raise InputError(f"{where} is {content!r}, expected an object with {', '.join(allowed)}")
    unknown = [name for name in content if name not in allowed]
    if unknown:
        raise InputError(f"{where} has the unknown {unknown[0]!r}, expected {', '.join(allowed)}")
    missing = [name for name, needed in allowed.items() if needed and name not in content]
    if missing:
        raise InputError(f"{where} lacks {missing[0]!r}")
    return kind(**content)
