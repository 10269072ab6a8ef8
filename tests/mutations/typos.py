"""Misspellings as people make them."""

from __future__ import annotations

from random import Random

from .language import WORDS

NEIGHBOURS = {"a": "s", "c": "v", "d": "f", "e": "r", "g": "h", "h": "j", "i": "o", "k": "l", "l": "k", "m": "n"}
NEIGHBOURS |= {"n": "m", "o": "p", "p": "o", "r": "t", "s": "d", "t": "y", "u": "i", "v": "b", "w": "e", "x": "c"}


def typos(word: str) -> list[str]:
    """Misspellings of a word, none of which means anything."""
    found = []
    for at in range(1, len(word)):
        swapped = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        found += [swapped, word[:at] + word[at + 1 :], word[:at] + word[at - 1] + word[at:]]
        found.append(word[:at] + NEIGHBOURS.get(word[at], "q") + word[at + 1 :])
    found += [word + "s", word + "1", word.capitalize(), word.replace("_", "-"), word.replace("_", "")]
    if "_" in word:
        head, _, tail = word.partition("_")
        found += [head + tail.title().replace("_", ""), f"{tail}_{head}"]
    legal = (w for w in dict.fromkeys(found) if w != word and w not in WORDS and w[:1].isalpha())
    return [w for w in legal if w.lower() not in ("no", "on", "y", "n")]


def typo(word: str, random: Random, taken: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    """One misspelling; "" where there is none."""
    known = [one for one in typos(word) if one not in taken]
    return random.choice(known) if known and len(word) > 2 else ""
