"""What a text was meant to be that stands where a number or a list is needed."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from archc.spec.expressions import ExpressionError, parse_text

TUPLE: Final = re.compile(r"\(\s*([\w.$-]+(?:\s*,\s*[\w.$-]+)+)\s*,?\s*\)\Z")
"""Python's `(3, 3)`, which is one word in YAML."""

WRAPPED: Final = (re.compile(r"\{\{(.*)\}\}\Z"), re.compile(r"\$\((.*)\)\Z"), re.compile(r"\{(.*)\}\Z"))
"""Other tools' forms of a variable: `{{ width }}`, `$(width)`, `{width}`."""

NAMED: Final = re.compile(r"\$(?:\{\s*(\w+)\s*\}|(\w+))")
"""A name in this language's own form, inside a longer text."""

COMPARISON: Final = re.compile(r"[<>=]|\b(?:and|or|not)\b")
OPERATORS: Final = re.compile(r"[-+*/%(\[]|" + COMPARISON.pattern)


def intended(text: str, known: Collection[str]) -> str:
    """How to write what `text`, as it stands in the spec, seems to mean; "" where that is anyone's guess.

    `known` are the names that an expression may use at that place.
    """
    text = text.strip()
    pair = TUPLE.match(text)
    if pair:
        return "write `[" + ", ".join(item.strip() for item in pair[1].split(",")) + "]`"
    for form in WRAPPED:
        inside = form.match(text)
        text = inside[1].strip() if inside else text
    text = NAMED.sub(lambda found: found[1] or found[2], text)
    try:
        parsed = parse_text(f"${{{text}}}")
    except ExpressionError:
        return ""
    if not set(parsed.names) <= set(known) or "$" in text:
        return ""
    if parsed.bare:
        return f"write `${text}`"
    return f'write `"${{{text}}}"`' if OPERATORS.search(text) else ""
