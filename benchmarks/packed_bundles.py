"""Packs every bundle and verifies what was packed: ``python -m benchmarks.packed_bundles``.

With SEGPEFT_META_SCHEMA naming the Model Zoo's schema, metadata are checked by that as well. Weights are random, of the
size that the bundles ship with.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from segpeft.bundle.pack import Weights, pack
from segpeft.bundle.verify import verify

BUNDLES = Path(__file__).parents[1] / "bundles"
SCHEMA = "SEGPEFT_META_SCHEMA"
MB = 1e6


def packed() -> Section:
    """Packs and verifies each bundle; a finding that is wrong misses the target."""
    schema = Path(os.environ[SCHEMA]) if SCHEMA in os.environ else None
    rows, targets = [], []
    for bundle in sorted(path for path in BUNDLES.iterdir() if (path / "configs" / "metadata.json").is_file()):
        with tempfile.TemporaryDirectory() as folder:
            made = pack(bundle, Path(folder), Weights(random=True, url=f"https://example.org/{bundle.name}"), {})
            found = verify(made.archive, schema)
            rows.append({"bundle": bundle.name, **_sizes(made.archive, made.sizes)})
        wrong = [finding for finding in found if finding.wrong]
        for finding in found:
            print(f"{bundle.name}: {finding.check}: {finding.text}", flush=True)
        rows[-1] |= {"wrong": len(wrong), "left out": ", ".join(f.check for f in found if not f.wrong)}
        targets.append(Target(f"{bundle.name}: findings that are wrong", len(wrong), 0))
    checked = f"metadata by {schema.name} as well" if schema else "metadata by the project's own rules"
    return Section("Packed bundles", f"MB; random weights of full size; {checked}.", rows, targets)


def _sizes(archive: Path, sizes: dict[str, int]) -> dict[str, Any]:
    adapter = sum(size for name, size in sizes.items() if name.startswith("models/adapters/"))
    parts = {"zip": archive.stat().st_size, "model.pt": sizes["models/model.pt"], "adapter file": adapter}
    return {name: size / MB for name, size in {**parts, "code": sizes["scripts"]}.items()}


SUITE = Suite("python -m benchmarks.packed_bundles", RESULTS / "packed_bundles.json", {"packed": packed})

if __name__ == "__main__":
    sys.exit(main(suite=SUITE))
