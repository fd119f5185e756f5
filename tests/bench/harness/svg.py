"""The few shapes that the plots are made of. Texts stay texts, so that they can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

COLOURS: Final = ("#1f5fa8", "#8a8a8a", "#d9822b", "#b3365b", "#4f8a3c")
"""Told apart in print, too: they differ in lightness."""
INK: Final = "#333333"
FAINT: Final = "#dddddd"


@dataclass(slots=True)
class Drawing:
    """An SVG that grows; coordinates are pixels from the upper left."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}"'
        self.parts.append(f'<rect {place} fill="{colour}"/>')

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1) -> None:
        """A line through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        style = f'fill="none" stroke="{colour}" stroke-width="{width:g}"'
        self.parts.append(f'<polyline points="{path}" {style}/>')

    def text(self, x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> None:
        """A text whose `anchor` (start, middle, end) is at the point."""
        style = f'font-size="{size}" text-anchor="{anchor}" fill="{INK}"'
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>')

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]], step: float) -> None:
        """Colours and what they stand for, side by side."""
        for place, (name, colour) in enumerate(entries):
            self.bar(x + place * step, y - 10, 12, 12, colour)
            self.text(x + place * step + 17, y, name)

    def render(self) -> str:
        """The file."""
        size = f'width="{self.width:g}" height="{self.height:g}"'
        box = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="sans-serif">'
        ground = f'<rect {size} fill="#ffffff"/>'
        name = f"<title>{escape(self.title)}</title>"
        return "\n".join([head, name, ground, *self.parts, "</svg>"]) + "\n"
