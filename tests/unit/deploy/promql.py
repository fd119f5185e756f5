"""Which metrics and labels an expression of Prometheus names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

STRING: Final = re.compile(r'"[^"]*"')
GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
MATCHERS: Final = re.compile(r"([A-Za-z_]\w*)\s*\{([^}]*)\}")
MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
VALUE: Final = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
RANGE: Final = re.compile(r"\[[^\]]*\]")
NAME: Final = re.compile(r"\b([A-Za-z_]\w*)\b(?!\s*\()")
WORDS: Final = {"and", "or", "unless", "offset", "bool"}


@dataclass(frozen=True, slots=True)
class Expression:
    """What is in it.

    Args:
        metrics: every name that is no function and no word of the language.
        matched: labels in braces, with their metric.
        grouped: labels of `by (…)` and the like.
        values: metric, label and value of each matcher.
    """

    metrics: frozenset[str]
    matched: frozenset[tuple[str, str]]
    grouped: frozenset[str]
    values: frozenset[tuple[str, str, str]]


def read(text: str) -> Expression:
    """Take an expression apart."""
    values = {
        (metric, label, value)
        for metric, inside in MATCHERS.findall(text)
        for label, value in VALUE.findall(inside)
    }
    text = RANGE.sub("", STRING.sub('""', text))
    grouped = {
        name.strip() for names in GROUPING.findall(text) for name in names.split(",") if name
    }
    text = GROUPING.sub("", text)
    matched = {
        (metric, label)
        for metric, inside in MATCHERS.findall(text)
        for label in MATCHER.findall(inside)
    }
    names = set(NAME.findall(MATCHERS.sub(r"\1", text))) - WORDS
    return Expression(frozenset(names), frozenset(matched), frozenset(grouped), frozenset(values))
