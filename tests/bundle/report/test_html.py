import pytest

from segpeft.bundle.report.html import Html, joined, number, tag
from tests.bundle.report.evaluations import HOSTILE

ESCAPED = "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27;"


def test_texts_and_attributes_are_escaped():
    assert tag("p", HOSTILE) == f"<p>{ESCAPED}</p>"
    assert tag("p", [[HOSTILE]], class_=HOSTILE) == f'<p class="{ESCAPED}">{ESCAPED}</p>'


def test_markup_is_not_escaped_twice():
    assert tag("ul", [tag("li", "a & b"), None], Html("<hr/>")) == "<ul><li>a &amp; b</li><hr/></ul>"


def test_a_text_that_was_joined_is_markup():
    assert isinstance(joined(["<", tag("br")]), Html)
    assert joined(["<", tag("br")]) == "&lt;<br/>"


def test_attributes():
    made = tag("line", x1=1.005, y1=2.0, hidden=True, id=None, draggable=False, stroke_width=0)
    assert made == '<line x1="1" y1="2" hidden stroke-width="0"/>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(1.0, "1", id="whole"),
        pytest.param(0.126, "0.13", id="rounded"),
        pytest.param(-0.001, "0", id="no-minus-zero"),
        pytest.param(100.0, "100", id="zeros-before-the-point"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text
