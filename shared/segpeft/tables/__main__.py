"""Prints the tables: ``python -m segpeft.tables [--json]``."""

from __future__ import annotations

import argparse
import json

from .channel_lora import rows as channel_lora_rows
from .med_tuning_networks import rows as med_tuning_networks_rows
from .row import Row

SOURCES = (channel_lora_rows, med_tuning_networks_rows)


def main() -> None:
    """Prints every row."""
    parser = argparse.ArgumentParser(
        prog="python -m segpeft.tables", description="Published parameter counts and ours."
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    arguments = parser.parse_args()
    rows = [row for source in SOURCES for row in source()]
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
        "remark": row.remark,
    }


def _print(rows: list[Row]) -> None:
    print(f"{'row':<20}{'published (M)':>14}{'as published':>14}{'ours':>14}  verdict")
    for table in dict.fromkeys(row.table for row in rows):
        print(table)
        for row in (row for row in rows if row.table == table):
            published = f"{row.published:.{row.digits}f}"
            verdict = "equal" if row.match else f"off by {row.as_published / 1e6 - row.published:+.3f} M"
            print(f"{row.row:<20}{published:>14}{row.as_published:>14,}{row.computed:>14,}  {verdict}")
            for what, count in row.differences:
                print(f"{'':<20}{'':>14}{count:>+14,}  {what}")
            if row.remark:
                print(f"{'':<20}{'':>14}{'':>14}  {row.remark}")


if __name__ == "__main__":
    main()
