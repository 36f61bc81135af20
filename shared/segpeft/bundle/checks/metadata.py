"""`metadata.json`: what the Model Zoo and MONAI Label read of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segpeft.errors import InputError
from segpeft.finding import Finding

FIELDS: Mapping[str, type] = {
    "schema": str,
    "name": str,
    "version": str,
    "changelog": dict,
    "monai_version": str,
    "pytorch_version": str,
    "numpy_version": str,
    "required_packages_version": dict,
    "task": str,
    "description": str,
    "authors": str,
    "copyright": str,
    "network_data_format": dict,
}
TENSOR: Mapping[str, type] = {
    "type": str,
    "format": str,
    "num_channels": int,
    "spatial_shape": list,
    "dtype": str,
    "value_range": list,
}
OTHER_TASKS = ("detection", "deepedit", "deepgrow", "classification")
"""Words in a name by which MONAI Label takes a bundle for something else than segmentation."""


def check_metadata(folder: Path, schema: Path | None = None) -> Iterator[Finding]:
    """Checks the fields, the version and the description of the tensors.

    Args:
        folder: of the bundle.
        schema: a JSON schema to check by as well.

    Raises:
        InputError: the schema can't be read, or jsonschema is not installed.
    """
    path = folder / "configs" / "metadata.json"
    if not path.is_file():
        return  # the check of files says so
    try:
        metadata = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        yield Finding("metadata", f"no JSON object ({error})")
        return
    problems = [*_fields("", metadata, FIELDS), *_version(metadata), *_tensors(metadata.get("network_data_format"))]
    problems += [f"the bundle's name holds {word}, a task of its own" for word in OTHER_TASKS if word in folder.name]
    problems += _by_schema(metadata, schema) if schema else []
    for problem in problems:
        yield Finding("metadata", problem)


def _fields(place: str, found: Any, wanted: Mapping[str, type]) -> Iterator[str]:
    for name, kind in wanted.items():
        value = found.get(name) if isinstance(found, dict) else None
        if value in (None, "") or not isinstance(value, kind):
            yield f"{place}{name} is {value!r}: expected a {kind.__name__}"


def _version(metadata: Mapping[str, Any]) -> Iterator[str]:
    version, changelog = metadata.get("version"), metadata.get("changelog")
    if isinstance(version, str) and not re.fullmatch(r"\d\.\d\.\d", version):
        yield f"version {version}: expected three parts of one digit, the zoo sorts versions as text"
    if isinstance(changelog, dict) and not changelog.get(version):
        yield f"changelog has no entry for version {version}"


def _tensors(described: Any) -> Iterator[str]:
    if not isinstance(described, dict):
        return
    for side, first in (("inputs", "image"), ("outputs", "pred")):
        tensors = described.get(side)
        if not isinstance(tensors, dict) or next(iter(tensors), None) != first:
            yield f"network_data_format#{side}: expected {first} as its first entry"
            continue
        for name, tensor in tensors.items():
            yield from _fields(f"network_data_format#{side}#{name}#", tensor, TENSOR)
    values = list(described.get("outputs", {}).get("pred", {}).get("channel_def", {}))
    if values != [str(number) for number in range(len(values))]:
        yield f"channel_def of pred has the values {', '.join(values)}: expected 0 for background, then 1, 2, ..."


def _by_schema(metadata: Mapping[str, Any], schema: Path) -> Iterator[str]:
    try:
        from jsonschema.validators import validator_for
    except ImportError as error:
        raise InputError("--schema needs the package jsonschema: pip install jsonschema") from error
    try:
        content = json.loads(schema.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{schema}: no JSON schema ({error})") from error
    for found in validator_for(content)(content).iter_errors(metadata):
        yield f"{schema.name}: {'#'.join(map(str, found.absolute_path)) or 'metadata'}: {found.message[:200]}"
