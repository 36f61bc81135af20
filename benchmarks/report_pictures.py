"""A report as a browser shows it: ``python -m benchmarks.report_pictures report.html --out DIR``.

Writes ``desktop.png``, ``desktop_dark.png``, ``phone.png``, ``phone_dark.png`` and ``paper.pdf``, to be looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.chromium import Browser, find_chromium
from segpeft.errors import InputError, one_line_errors

WIDTHS = {"desktop": 1280, "phone": 390}
"""In pixels."""


def main() -> None:
    """Opens the page and takes the pictures."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="what python -m segpeft.bundle report wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the pictures go")
    parser.add_argument("--height", type=int, metavar="PIXELS", help="of the pictures, from the top (default: all)")
    asked = parser.parse_args()
    if not asked.page.is_file():
        raise InputError(f"{asked.page}: no such file, expected the page of a report")
    executable = find_chromium()
    if executable is None:
        raise InputError("no chromium on the path; install it (apt-get install chromium)")
    with Browser(executable) as browser:
        for name, width in WIDTHS.items():
            for dark in (False, True):
                browser.open(asked.page, width, dark)
                browser.screenshot(asked.out / f"{name}{'_dark' if dark else ''}.png", asked.height)
        browser.open(asked.page)
        browser.pdf(asked.out / "paper.pdf")
    print(asked.out)


if __name__ == "__main__":
    main()
