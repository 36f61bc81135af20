"""The page in a real browser."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.chromium import Browser, find_chromium
from segpeft.bundle.report.content import read_content
from segpeft.bundle.report.page import page
from tests.bundle.report.evaluations import HOSTILE, write_evaluation, write_training

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no chromium on the path"),
]
ROOT = Path(__file__).parents[3]
DICE = {
    HOSTILE: 0.9,
    "a_very_long_case_name_without_any_place_to_break_it_in_two_or_three": 0.5,
    "b10": 0.7,
    "b9": 0.65,
}
SHOWN = "[...document.querySelectorAll('.sortable tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"


@pytest.fixture(scope="module")
def browser():
    with Browser(find_chromium()) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_training(folder / "training")
    one = write_evaluation(folder / "evaluation", DICE, folder / "data")
    path = folder / "report.html"
    path.write_text(page(read_content([one])), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    folders = [write_evaluation(folder / name, DICE, folder / "data", shift) for shift, name in enumerate("xyz")]
    path = folder / "report.html"
    path.write_text(page(read_content(folders)), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["report", "comparison"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wrong_and_nothing_is_loaded(request, browser, name, width):
    path = request.getfixturevalue(name)
    browser.said.clear()
    browser.requested.clear()
    browser.open(path, width)
    assert browser.said == []
    asked = {url for url in browser.requested if not url.startswith(("data:", "about:"))}
    assert asked == {path.as_uri()}
    assert browser.run("document.documentElement.scrollWidth") == width
    broken = "[...document.querySelectorAll('image')].filter(image => !image.href.baseVal.startsWith('data:')).length"
    assert browser.run(broken) == 0


def test_a_click_sorts_and_another_turns_round(browser, report):
    browser.open(report)
    column = "document.querySelector('[data-key=dice]')"
    for sort, reverse in (("ascending", False), ("descending", True)):
        browser.run(f"{column}.querySelector('button').click()")
        values = [float(row[2]) for row in browser.run(SHOWN)]
        assert values == sorted(values, reverse=reverse)
        assert browser.run(f"{column}.ariaSort") == sort
    assert browser.run("document.querySelectorAll('[aria-sort]').length") == 1


def test_the_keyboard_sorts(browser, report):
    browser.open(report)
    browser.run("document.querySelector('[data-key=case] button').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
        )
    assert browser.run("document.querySelector('[data-key=case]').ariaSort") == "ascending"
    names = [row[0] for row in browser.run(SHOWN)]
    assert names.index("b9") < names.index("b10")  # as people count


def test_an_address_names_the_order(browser, report):
    browser.open(report, fragment="#sort=hd95&order=descending")
    values = [float(row[3]) for row in browser.run(SHOWN)]
    assert values == sorted(values, reverse=True)


def test_without_a_script_every_line_is_there(browser, report):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        assert len(browser.run(SHOWN)) == 2 * len(DICE)
        assert browser.run("document.querySelectorAll('button').length") == 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_can_be_read(browser, report, dark):
    """Contrast of WCAG 2 AA, 4.5 : 1, of every text outside pictures."""
    browser.open(report, dark=dark)
    found = browser.run(
        """
        [...document.querySelectorAll('h1,h2,h3,p,th,td,caption,li,a,dt,dd,summary,figcaption,figcaption span,button')]
          .filter(element => element.textContent.trim()).map(element => {
            const ground = under => getComputedStyle(under).backgroundColor;
            let under = element;
            while (ground(under) === 'rgba(0, 0, 0, 0)') under = under.parentElement;
            return [getComputedStyle(element).color, ground(under)];
          })
        """
    )
    assert len(found) > 100
    pairs = {tuple(pair) for pair in found}
    assert min(contrast(*pair) for pair in pairs) >= 4.5
    lightness = luminance(browser.run("getComputedStyle(document.body).backgroundColor"))
    assert (lightness < 0.1) == dark


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_pictures_for_people(tmp_path, report):
    command = [
        sys.executable,
        "-m",
        "benchmarks.report_pictures",
        str(report),
        "--out",
        str(tmp_path),
        "--height",
        "500",
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    sizes = {path.stem: Image.open(path).size for path in tmp_path.glob("*.png")}
    assert sizes == {
        "desktop": (1280, 500),
        "desktop_dark": (1280, 500),
        "phone": (390, 500),
        "phone_dark": (390, 500),
    }
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_on_paper_nothing_is_wider_than_the_sheet(request, browser, name):
    """What is wider makes Chromium shrink every page."""
    inside = 695  # pixels: A4 without its margins
    browser.open(request.getfixturevalue(name), inside)
    browser.call("Emulation.setEmulatedMedia", media="print")
    assert browser.run("document.documentElement.scrollWidth") == inside
    browser.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext (poppler-utils) on the path")
def test_on_paper_every_page_of_the_table_has_its_head(tmp_path, browser):
    folder = write_evaluation(tmp_path / "e", {f"case{number:03d}": 0.5 + number / 300 for number in range(120)})
    (tmp_path / "report.html").write_text(page(read_content([folder])), encoding="utf-8")
    browser.open(tmp_path / "report.html")
    browser.pdf(tmp_path / "report.pdf")
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"], capture_output=True, text=True, check=True
    ).stdout
    sheets = [sheet for sheet in text.split("\f") if re.search(r"^\s*case\d{3} ", sheet, re.MULTILINE)]
    assert len(sheets) > 3
    assert all("predicted (voxels)" in sheet for sheet in sheets)
    assert len(re.findall(r"^\s*case\d{3} +(?:organ|lesion)", text, re.MULTILINE)) == 240
