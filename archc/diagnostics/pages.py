"""The pages of the codes: what a code means, a spec that fails with it, the exact output, and the mended spec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "explain"
_FENCE = re.compile(r"^```(\w+)( [^\n]*)?\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def page(code: str) -> str:
    """The Markdown of a code's page."""
    return (FOLDER / f"{code}.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block of a page: its language, the words behind it, and its text."""

    language: str
    words: str
    text: str


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    return [Fence(match[1], (match[2] or "").strip(), match[3]) for match in _FENCE.finditer(text)]
