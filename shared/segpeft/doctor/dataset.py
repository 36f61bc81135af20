"""All checks of a data set, each of its files read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from segpeft.data.datalist import find_cases
from segpeft.data.survey import CaseFacts, look_at
from segpeft.errors import InputError
from segpeft.finding import ERROR, NOTE, Finding

from .cases import check_case
from .expected import Expected
from .looking import CaseLook, look
from .sets.channel_order import check_channel_order
from .sets.duplicates import check_duplicates
from .sets.geometry import check_geometry
from .sets.hounsfield import check_hounsfield
from .sets.label_values import check_label_values
from .sets.mirrored_label import check_mirrored_label


def check_dataset(dataset_dir: Path, expected: Expected, workers: int = 0) -> Generator[Finding, None, list[CaseFacts]]:
    """Yields what is to say of a data set, and returns its facts; a bar on a terminal shows how far the reading is.

    Args:
        dataset_dir: folder or datalist.
        expected: of every case.
        workers: processes that read, beside this one.
    """
    try:
        cases = find_cases(dataset_dir, expected.channels, expected.channel_files, expected.label_file)
    except InputError as error:
        yield Finding("data set", str(error), ERROR)
        return []
    bar = tqdm(look_at(cases, look, workers), "cases", len(cases), unit="case", disable=None)
    looks = list(bar)
    sections = Counter(case.section for case in cases)
    counted = ", ".join(f"{count} {section}" for section, count in sections.items())
    yield Finding("data set", f"{dataset_dir}: {counted} cases of {', '.join(expected.channels)}", NOTE)
    yield from check_looks(looks, expected)
    return [one.facts for one in looks]


def check_looks(looks: Sequence[CaseLook], expected: Expected) -> Iterator[Finding]:
    """Yields what is to say of cases that were looked at: one by one, and as a set."""
    for one in looks:
        yield from check_case(one.facts, expected)
    yield from check_hounsfield(looks, expected)
    yield from check_duplicates(looks)
    yield from check_label_values(looks, expected)
    yield from check_geometry(looks)
    yield from check_channel_order(looks, expected.channels)
    yield from check_mirrored_label(looks)
