"""The pictures of a view: the whole slice, the truth, and every prediction over the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .content import Content
from .html import Html, tag
from .png import data_uri
from .view import View

Square = tuple[float, float, float]
"""Left, top and side in mm."""


def legend(content: Content) -> Html:
    """Returns what the lines mean."""
    regions = [region for region in content.regions if content.colour(region) != "mean-of-regions"]
    entries = [tag("li", _sample("truth"), "truth (every region)")]
    entries += [
        tag("li", _sample(f"prediction {content.colour(region)}"), f"prediction: {region}") for region in regions
    ]
    return tag("ul", entries, class_="legend")


def _sample(kind: str) -> Html:
    halo = tag("path", d="M2 7H42", class_="halo")
    return tag(
        "svg", halo, tag("path", d="M2 7H42", class_=kind), viewBox="0 0 44 14", class_="sample", aria_hidden="true"
    )


def panels(content: Content, view: View, name: str, captions: Sequence[Sequence[Html]], case: str) -> Html:
    """Returns the panels of a case side by side.

    Args:
        content: of the page.
        view: what is drawn.
        name: of the picture within the page, which all panels share.
        captions: one for each evaluation.
        case: its id, for those who hear the page.
    """
    width, height = view.size
    image = tag("image", id=name, href=data_uri(view.grey), width=width, height=height, preserveAspectRatio="none")
    left, top, side = view.window
    whole = ((width - max(view.size)) / 2, (height - max(view.size)) / 2, max(view.size))
    frame = tag("rect", x=left, y=top, width=side, height=side, class_="frame") if side < 0.95 * whole[2] else Html()
    about = f"{view.plane.name} slice of case {case}"
    drawn = [
        _panel(view, whole, [image, frame], [tag("strong", _channel(content)), tag("span", "whole slice")], about),
        _panel(view, view.window, [_use(name), _truth(view)], [tag("strong", "Truth")], f"{about}, truth outlined"),
    ]
    for evaluation, caption in zip(content.evaluations, captions, strict=True):
        found = view.predictions[evaluation.name]
        if isinstance(found, str):
            drawn.append(
                tag("figure", tag("p", f"No prediction: {found}", class_="missing"), tag("figcaption", caption))
            )
            continue
        lines = [_use(name), _truth(view), _prediction(content, view, found)]
        drawn.append(
            _panel(view, view.window, lines, caption, f"{about}, prediction of {evaluation.name} over the truth")
        )
    return tag("div", drawn, class_="panels many" if len(drawn) > 4 else "panels")


def _channel(content: Content) -> str:
    """Returns the name of the channel that is shown, as far as the first configuration knows it."""
    names = content.evaluations[0].record.config.get("channels")
    if isinstance(names, list) and content.channel < len(names):
        return f"Image ({names[content.channel]})"
    return "Image"


def _use(name: str) -> Html:
    return tag("use", href=f"#{name}")


def _truth(view: View) -> list[Html]:
    return [tag("path", d=path, class_=kind) for path in view.truth if path for kind in ("halo", "truth")]


def _prediction(content: Content, view: View, paths: Sequence[str]) -> list[Html]:
    drawn = []
    for region, path in zip(view.regions, paths, strict=True):
        if path:
            drawn += [
                tag("path", d=path, class_="halo"),
                tag("path", d=path, class_=f"prediction {content.colour(region)}"),
            ]
    return drawn


def _panel(view: View, square: Square, drawn: Sequence[object], caption: Sequence[Html], about: str) -> Html:
    left, top, side = square
    picture = tag(
        "svg",
        *drawn,  # type: ignore[arg-type]
        _letters(view, square),
        _scale(square),
        viewBox=f"{left:.2f} {top:.2f} {side:.2f} {side:.2f}",
        role="img",
        aria_label=about,
    )
    return tag("figure", picture, tag("figcaption", caption), class_="panel")


def _letters(view: View, square: Square) -> list[Html]:
    left, top, side = square
    size, pad, middle = 0.05 * side, 0.045 * side, 0.5 * side
    places = [(pad, middle), (side - pad, middle), (middle, pad), (middle, side - pad)]
    return [
        tag("text", letter, x=left + x, y=top + y + 0.35 * size, font_size=size, text_anchor="middle", class_="letter")
        for letter, (x, y) in zip(view.plane.letters, places, strict=True)
    ]


def _scale(square: Square) -> list[Html]:
    """Returns a bar of a round length, about a fifth of the picture."""
    left, top, side = square
    power = 10.0 ** math.floor(math.log10(side / 5))
    length = max(factor * power for factor in (1, 2, 5) if factor * power <= side / 5)
    x, y = left + 0.04 * side, top + 0.94 * side
    return [
        tag("path", d=f"M{x:.2f} {y:.2f}h{length:g}", class_="scale"),
        tag("text", f"{length:g} mm", x=x, y=y - 0.02 * side, font_size=0.04 * side, class_="letter"),
    ]
