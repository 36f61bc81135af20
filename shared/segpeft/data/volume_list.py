"""A list of volumes for pre-training, from folders and datalists: `python -m segpeft.data.volume_list`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from segpeft.atomic_files import replacing
from segpeft.data.datalist_file import datalist_cases
from segpeft.data.volume_paths import VolumePaths
from segpeft.errors import InputError, one_line_errors


def volumes_of(source: Path) -> Iterator[str]:
    """Yields the path of every volume of a source.

    Args:
        source: a folder or a list of paths, see `VolumePaths`; or a datalist (`.json`), of which test cases are left
            out.

    Raises:
        InputError: there is no such source, or no volume in it.
    """
    if source.suffix == ".json":
        cases = [case for case in datalist_cases(source, None) if case.section != "test"]
        yield from (path for case in cases for path in case.images)
        return
    paths = VolumePaths(source)
    paths.prepare()
    yield from map(paths.path, sorted(paths.names()))


def judged_on(sources: Sequence[Path]) -> set[Path]:
    """Returns the images of all test cases of the datalists among the sources."""
    listed = [case for source in sources if source.suffix == ".json" for case in datalist_cases(source, None)]
    return {Path(path).resolve() for case in listed if case.section == "test" for path in case.images}


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
    judged = judged_on(chosen.sources)
    seen = set(judged)
    with replacing(chosen.out) as partial, partial.open("w", encoding="utf-8") as file:
        for source in chosen.sources:
            for path in (Path(path).resolve() for path in volumes_of(source)):
                if path not in seen:
                    seen.add(path)
                    file.write(f"{path}\n")
    print(f"{chosen.out}: {len(seen) - len(judged)} volumes")


if __name__ == "__main__":
    main()
