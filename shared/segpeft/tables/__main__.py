"""Prints the tables: ``python -m segpeft.tables [--json]``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import cache

from .channel_lora import rows as channel_lora_rows
from .med_tuning_adapter import rows as med_tuning_adapter_rows
from .med_tuning_methods import rows as med_tuning_methods_rows
from .med_tuning_networks import rows as med_tuning_networks_rows
from .row import Row

SOURCES = (channel_lora_rows, med_tuning_networks_rows, med_tuning_methods_rows, med_tuning_adapter_rows)


@cache
def all_rows() -> tuple[Row, ...]:
    """Returns the rows of all tables, each in its order."""
    return tuple(row for source in SOURCES for row in source())


def main() -> None:
    """Prints every row."""
    parser = argparse.ArgumentParser(
        prog="python -m segpeft.tables", description="Published parameter counts and ours."
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    arguments = parser.parse_args()
    rows = all_rows()
    if arguments.json:
        print(json.dumps([_object(row) for row in rows], indent=4))
    else:
        _print(rows)


def _object(row: Row) -> dict[str, object]:
    return {
        "table": row.table,
        "row": row.row,
        "published": row.published,
        "ours": row.computed,
        "differences": [{"what": what, "parameters": count} for what, count in row.differences],
        "as_published": row.as_published,
        "match": row.match,
        "verdict": row.verdict,
        "remark": row.remark,
    }


def _print(rows: Sequence[Row]) -> None:
    name = max(len(row.row) for row in rows) + 2
    print(f"{'row':<{name}}{'published (M)':>13}{'as published':>14}{'ours':>14}  verdict")
    for table in dict.fromkeys(row.table for row in rows):
        print(table)
        for row in (row for row in rows if row.table == table):
            published = "" if row.published is None else f"{row.published:.{row.digits}f}"
            print(f"{row.row:<{name}}{published:>13}{row.as_published:>14,}{row.computed:>14,}  {row.verdict}")
            for what, count in row.differences:
                print(f"{'':<{name + 13}}{count:>+14,}  {what}")
            if row.remark:
                print(f"{'':<{name + 27}}  {row.remark}")


if __name__ == "__main__":
    main()
