"""A list of volumes for pre-training, from folders and datalists: `python -m segpeft.data.volume_list`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from segpeft.atomic_files import replacing
from segpeft.data.datalist_file import datalist_cases
from segpeft.data.layouts import Case
from segpeft.data.volume_paths import VolumePaths
from segpeft.errors import InputError, one_line_errors


def volumes_of(place: Path) -> Iterator[str]:
    """Yields the path of every volume of a folder or a list of paths, see `VolumePaths`.

    Raises:
        InputError: there is no such place, or no volume in it.
    """
    paths = VolumePaths(place)
    paths.prepare()
    yield from map(paths.path, sorted(paths.names()))


def images_of(cases: Sequence[Case], judged: bool) -> Iterator[str]:
    """Yields the images of the test cases, or of all others."""
    return (path for case in cases if (case.section == "test") == judged for path in case.images)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes a list, one absolute path a line and each path once; see `--help`."""
    one_line_errors()
    about = "List volumes for pre-training. Test cases of a datalist are left out, though they lie in a folder, too."
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("sources", nargs="+", type=Path, help="folders, lists (.txt, .jsonl) and datalists (.json)")
    parser.add_argument("--out", type=Path, required=True, help="file to write, .txt")
    chosen = parser.parse_args(arguments)
    if chosen.out.suffix != ".txt":
        raise InputError(f"--out {chosen.out}: expected a name that ends in .txt")
    listed = {source: datalist_cases(source, None) for source in chosen.sources if source.suffix == ".json"}
    judged = {Path(path).resolve() for cases in listed.values() for path in images_of(cases, judged=True)}
    seen = set(judged)
    with replacing(chosen.out) as partial, partial.open("w", encoding="utf-8") as file:
        for source in chosen.sources:
            names = images_of(listed[source], judged=False) if source in listed else volumes_of(source)
            for path in (Path(name).resolve() for name in names):
                if path not in seen:
                    seen.add(path)
                    file.write(f"{path}\n")
    print(f"{chosen.out}: {len(seen) - len(judged)} volumes")


if __name__ == "__main__":
    main()
