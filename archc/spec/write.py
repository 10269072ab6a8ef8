"""Plain data to the text of a spec: each section a key, each stage and each entry of a section a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_WORDS: Final = frozenset({"null", "true", "false"})
"""What YAML takes for something else than a word, in lower case."""


def to_yaml(spec: dict[str, Any]) -> str:
    """The text of a spec."""
    return "".join(f"{line}\n" for key, value in spec.items() for line in _entry(key, value))


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield f"{_word(key)}:"
        for name, item in value.items():
            yield f"  {_word(name)}: {_flow(item)}"
    elif isinstance(value, list) and value:
        yield f"{_word(key)}:"
        for item in value:
            yield f"  - {_flow(item)}"
    else:
        yield f"{_word(key)}: {_flow(value)}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _word(value) if isinstance(value, str) else json.dumps(value)


def _word(text: str) -> str:
    """A string, in quotes unless every reader takes it for one."""
    is_plain = _PLAIN.match(text) and text.lower() not in _WORDS
    return text if is_plain else json.dumps(text, ensure_ascii=True)
