"""What archc says of a mutant, compared with what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from archc.diagnostics import Diagnostic

from . import expressions, keys, references, shapes, syntax, values  # noqa: F401 (each adds its operators)
from .corpus import Source, check, document, sources
from .edits import Fault, Mutant, apply
from .operators import OPERATORS


@dataclass
class Verdict:
    """One mutant and its diagnostics."""

    mutant: Mutant
    found: list[Diagnostic]

    def primary(self, lines: frozenset[int]) -> list[Diagnostic]:
        """The diagnostics whose caret stands on one of the lines."""
        return [d for d in self.found if self.on(d.span, lines)]

    def named(self, lines: frozenset[int]) -> list[Diagnostic]:
        """The diagnostics that name one of the lines, by the caret or by a label."""
        spots = ((d, [d.span, *(label.span for label in d.labels)]) for d in self.found)
        return [d for d, spans in spots if any(self.on(span, lines) for span in spans)]

    def on(self, span: object, lines: frozenset[int]) -> bool:
        return span.file.name == self.mutant.source and span.line in lines  # type: ignore[attr-defined]


@dataclass
class Tally:
    """Counts for one operator."""

    made: int = 0
    rejected: int = 0
    primary: int = 0
    named: int = 0
    coded: int = 0
    """Of those named: where the code is one that fits."""
    diagnostics: int = 0

    def add(self, other: Tally) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def judge(mutant: Mutant, source: Source) -> Verdict:
    """Check a mutant."""
    return Verdict(mutant, check(mutant.text, source.folder, mutant.source)[1])


@dataclass
class Result:
    """A run over many mutants with one fault each."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    accepted: list[Mutant] = field(default_factory=list)
    unnamed: list[Verdict] = field(default_factory=list)
    miscoded: list[Verdict] = field(default_factory=list)
    several: list[Verdict] = field(default_factory=list)

    @property
    def total(self) -> Tally:
        whole = Tally()
        for tally in self.tallies.values():
            whole.add(tally)
        return whole

    def take(self, verdict: Verdict) -> None:
        ((fault, lines),) = verdict.mutant.faults
        tally = self.tallies.setdefault(fault.operator, Tally())
        named = verdict.named(lines)
        codes = not fault.codes or any(d.code in fault.codes for d in named)
        tally.add(
            Tally(
                1,
                bool(verdict.found),
                bool(verdict.primary(lines)),
                bool(named),
                bool(named) and codes,
                len(verdict.found),
            )
        )
        if not verdict.found:
            self.accepted.append(verdict.mutant)
        elif not named:
            self.unnamed.append(verdict)
        elif not codes:
            self.miscoded.append(verdict)
        if len(verdict.found) > 1:
            self.several.append(verdict)


def mutants(seed: int, count: int, chosen: tuple[str, ...] = ()) -> Iterator[tuple[Mutant, Source]]:
    """`count` different mutants of one fault each: an operator, a spec where it applies, a place."""
    random = Random(seed)
    names = chosen or tuple(OPERATORS)
    seen: set[str] = set()
    misses: Counter[str] = Counter()
    while len(seen) < count and min(misses[name] for name in names) < 2000:
        name = random.choice(names)
        source = random.choice(sources())
        faults = OPERATORS[name].faults(document(source), random)
        mutant = apply(source.name, source.text, [random.choice(faults)]) if faults else None
        if mutant is None or mutant.text in seen or mutant.text == source.text:
            misses[name] += 1
            continue
        seen.add(mutant.text)
        yield mutant, source


def run(seed: int, count: int, chosen: tuple[str, ...] = ()) -> Result:
    """Judge `count` mutants."""
    result = Result()
    for mutant, source in mutants(seed, count, chosen):
        result.take(judge(mutant, source))
    return result


__all__ = ["Fault", "Mutant", "Result", "Verdict", "judge", "mutants", "run"]
