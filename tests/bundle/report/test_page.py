import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import pytest

from segpeft.bundle.report.content import read_content
from segpeft.bundle.report.html import VOID
from segpeft.bundle.report.page import page
from segpeft.errors import InputError
from tests.bundle.report.evaluations import HOSTILE, lines_of, write_evaluation, write_table, write_training

DICE = {"a": 0.9, "b": 0.5, "c": 0.7, "d": 0.65}


class Outline(HTMLParser):
    """Checks that elements close in their order; collects ids, links, texts and elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links, self.elements, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        self.ids += [value for key, value in attributes if key == "id"]
        self.links += [value for key, value in attributes if key in ("href", "src", "action")]
        self.open.append(name)
        assert name not in VOID

    def handle_startendtag(self, name, attributes):
        self.handle_starttag_only(name, attributes)

    def handle_starttag_only(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        self.ids += [value for key, value in attributes if key == "id"]
        self.links += [value for key, value in attributes if key in ("href", "src")]

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        self.texts.append(data)

    def named(self, name):
        return [attributes for found, attributes in self.elements if found == name]


def made(*folders, **options) -> str:
    return page(read_content(folders, **options))


@pytest.fixture
def folder(tmp_path):
    write_training(tmp_path / "training")
    return write_evaluation(tmp_path / "evaluation", DICE, tmp_path / "data")


def test_a_whole_page(folder):
    outline = Outline(made(folder))
    assert len(set(outline.ids)) == len(outline.ids)
    assert {link for link in outline.links if not link.startswith("data:image/png;base64,")} <= {
        f"#{name}" for name in outline.ids
    }
    sections = [attributes["id"] for attributes in outline.named("section")]
    assert sections == ["scores", "slices", "training", "cost", "cases", "settings", "reading"]
    text = " ".join(outline.texts)
    for said in ("Best case: ", "Median case: ", "Worst case: ", "250 (25 %)", "0123abc with changes", "n = 4"):
        assert said in text
    assert "notes" not in {attributes.get("class") for attributes in outline.named("ul")}


def test_the_page_stands_alone(folder):
    text = made(folder)
    policy = Outline(text).named("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; ")
    for kind in ("style", "script"):
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r"https?://|@import|url\(", text)
    assert not re.search(r"<[^>]+ (style|on\w+)=", text)


def test_same_input_same_bytes(folder):
    assert made(folder) == made(folder)


def test_means_and_intervals_are_those_of_the_cases(folder):
    text = made(folder)
    (row,) = re.findall(r'<tr><th scope="row">organ</th>(.*?)</tr>', text)[:1]
    cells = re.findall(r">([^<>]+)</td>", row)
    assert cells[:2] == ["4", "0.688"]
    assert cells[4] == "0.675"
    low, high = map(float, cells[2].split(" to "))
    assert 0.5 <= low < 0.688 < high <= 0.9


def test_pictures_have_words(folder):
    outline = Outline(made(folder))
    shown = [attributes for attributes in outline.named("svg") if attributes.get("aria-hidden") != "true"]
    assert shown
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in shown)
    assert all(attributes.get("scope") for attributes in outline.named("th"))
    assert len(outline.named("caption")) == len(outline.named("table"))


def test_hostile_names(tmp_path):
    folder = write_evaluation(tmp_path / "e", {HOSTILE: 0.9, "b": 0.5}, tmp_path / "data", bundle=HOSTILE)
    outline = Outline(made(folder, names=[HOSTILE]))
    assert outline.named("img") == []
    assert "".join(outline.texts).count(HOSTILE) >= 4  # title, heading, slices, two lines of the table


def test_hostile_names_in_the_configuration(tmp_path):
    config = {"label_scheme": "msd", HOSTILE: HOSTILE, "closed": "</pre></details><script>alert(1)</script>"}
    outline = Outline(made(write_evaluation(tmp_path / "e", {"a": 0.9}, config=config)))
    assert len(outline.named("script")) == 1


def test_one_case(tmp_path):
    text = made(write_evaluation(tmp_path / "e", {"a": 0.9}, tmp_path / "data"))
    assert "The only case" in text
    assert "nan" not in text.split("<body>")[1]


def test_several_evaluations(tmp_path):
    one = write_evaluation(tmp_path / "one" / "e", DICE, tmp_path / "data")
    other = write_evaluation(tmp_path / "other" / "e", {"a": 0.8, "b": 0.6, "c": 0.6, "x": 0.1}, tmp_path / "data", 3)
    outline = Outline(made(one, other))
    text = "".join(outline.texts)
    assert "one vs other" in text
    assert "other lacks 1 case that another has (d)" in text
    assert "one lacks 1 case that another has (x)" in text
    assert "differences" in outline.ids
    table = "".join(outline.texts).split("Paired tests")[1]
    assert table.startswith(
        ", mean of regionsmetricfirstsecondndifference95 % intervalpp (Holm)Dice, larger is betteroneother3"
    )
    captions = [text for text in outline.texts if text in ("one", "other")]
    assert captions.count("one") == captions.count("other")


def test_no_case_in_common(tmp_path):
    one = write_evaluation(tmp_path / "one", {"a": 0.5, "b": 0.6})
    text = made(one, write_evaluation(tmp_path / "other", {"c": 0.5}))
    assert "No case is in every evaluation" in text
    assert "No two evaluations have a case in common" in text


def test_an_old_evaluation(folder):
    (folder / "record.json").unlink()
    (folder / "run.json").unlink()
    shutil.rmtree(folder.parent / "training")
    text = made(folder)
    for said in ("no record.json in its folder", "no run.json in its folder", "no training found beside it"):
        assert said in text
    assert "No picture: no record.json names the files of this case" in text
    assert 'id="cost"' not in text


def test_predictions_that_are_gone(folder):
    shutil.rmtree(folder / "labels")
    assert made(folder).count("No prediction: no file labels/") == 3


def test_rules_for_empty_regions_are_explained(tmp_path):
    folder = write_evaluation(tmp_path / "e", DICE)
    write_table(
        folder, [*lines_of(DICE), ["x", "organ", 0, 373.13, 9, 0, "missed"], ["x", "lesion", 1, 0, 0, 0, "both_empty"]]
    )
    text = made(folder)
    assert "The truth has the region, the prediction does not" in text
    assert "Neither truth nor prediction has the region" in text
    assert "The prediction has the region, the truth does not" not in text
    assert 'class="ruled"' in text


def test_values_that_are_not_finite_count_nowhere(tmp_path):
    folder = write_evaluation(tmp_path / "e", DICE)
    write_table(folder, [*lines_of(DICE), ["x", "organ", "nan", "inf", 9, 0, ""], ["x", "lesion", 0.5, 3, 9, 9, ""]])
    text = made(folder)
    assert "2 values are not finite" in text
    assert re.search(r'<th scope="row">organ</th><td class="number">4</td>', text)
    assert re.search(r'<th scope="row">lesion</th><td class="number">5</td>', text)


def test_500_cases_stay_small(tmp_path):
    lines = [
        [f"patient_{case:04d}", region, 0.5 + (case * 37 % 100) / 250, case % 30 / 3, 12345, 12001, ""]
        for case in range(500)
        for region in ("WT", "TC", "ET")
    ]
    write_table(tmp_path, lines)
    text = made(tmp_path)
    assert len(text.encode()) < 3e6
    assert text.count("<tr>") > 1500


@pytest.mark.parametrize(
    ("other", "message"),
    [
        pytest.param([["a", "liver", 0.5, 1, 1, 1, ""]], "has the regions liver", id="regions"),
        pytest.param([], "holds no case", id="empty"),
    ],
)
def test_evaluations_that_do_not_fit(tmp_path, other, message):
    one = write_evaluation(tmp_path / "one", DICE)
    write_table(tmp_path / "other", other)
    with pytest.raises(InputError, match=message):
        made(one, tmp_path / "other")


def test_knobs_that_differ_come_first(tmp_path):
    folders = [
        write_evaluation(tmp_path / name, DICE, config={"label_scheme": "msd", "rank": rank, "epochs": 3})
        for name, rank in (("one", 4), ("other", 8))
    ]
    text = made(*folders)
    differing, alike = text.split("<caption>Knobs that differ")[1].split("<caption>Knobs that are alike")
    assert '<th scope="row">rank</th><td>4</td><td>8</td>' in differing
    assert "epochs" in alike
    assert "rank" not in alike.split("</table>")[0]


def test_the_whole_configuration_can_be_taken_from_the_page(folder):
    outline = Outline(made(folder))
    (config,) = [json.loads(text) for text in outline.texts if text.startswith('{\n  "label_scheme"')]
    assert config == json.loads((folder / "record.json").read_text())["config"]
