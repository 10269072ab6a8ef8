"""Two to five independent mistakes in one spec: in different stages, blocks or sections, on different lines.

What YAML itself refuses is left out: such a mistake stops the parser, so nothing else in the file can be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from .corpus import Source, document, sources
from .document import Document, Mapping, end
from .edits import Fault, Mutant, apply
from .judge import Verdict, judge
from .operators import OPERATORS

UNITS = ("stage", "input", "param", "default", "output", "inits", "section", "block")
"""Mappings of which only one mistake is taken, for one may hide another: an unknown type, say, hides its fields."""


@dataclass
class Several:
    """A run over many mutants with several faults each."""

    mutants: int = 0
    faults: int = 0
    reported: int = 0
    caret: int = 0
    """Of those reported: by a caret, not by a label."""
    diagnostics: int = 0
    strays: int = 0
    """Diagnostics that name the line of no fault."""
    clean: list[Mutant] = field(default_factory=list)
    lost: list[Verdict] = field(default_factory=list)
    stray: list[Verdict] = field(default_factory=list)
    by_operator: Counter[str] = field(default_factory=Counter)
    lost_by_operator: Counter[str] = field(default_factory=Counter)

    def take(self, verdict: Verdict) -> None:
        """Count one mutant."""
        self.mutants += 1
        self.diagnostics += len(verdict.found)
        hits: set[int] = set()
        missed = False
        for fault, lines in verdict.mutant.faults:
            named = verdict.named(lines)
            hits |= {id(d) for d in named}
            self.faults += 1
            self.by_operator[fault.operator] += 1
            self.reported += bool(named)
            self.caret += bool(verdict.primary(lines))
            self.lost_by_operator[fault.operator] += not named
            missed |= not named
        strays = [d for d in verdict.found if id(d) not in hits]
        self.strays += len(strays)
        if missed:
            self.lost.append(verdict)
        if len(verdict.found) > len(verdict.mutant.faults):
            self.stray.append(verdict)

    @property
    def recall(self) -> float:
        """The share of the faults that are reported."""
        return self.reported / max(1, self.faults)

    @property
    def each(self) -> float:
        """Diagnostics per fault."""
        return self.diagnostics / max(1, self.faults)


BASE = ("wrong extends", "unknown upto")
"""After these a variant's base is not known, so nothing that is judged by it: its params, paths and shapes."""
BY_BASE = ("param's name misspelt", "unknown path", "unknown output", "wrong claim", "param of a wrong kind")
SHAPES = ("wrong claim", "groups that do not divide", "window larger than the map", "padding over half the window")
SHAPES += ("chunks that do not divide", "linear on a map", "merge that does not fit")
"""What cannot be told while the size of the input is not known."""


def dependent(doc: Document, one: Fault, other: Fault) -> bool:
    """Whether nobody could tell the second mistake before the first is mended."""
    in_input = any(m.role in ("input", "axis") and m.place <= one.edits[0].start <= end(m.node) for m in doc.mappings)
    lost_section = one.operator in ("section dropped", "section of a wrong kind")
    lost_base = one.operator in BASE or (doc.is_variant and lost_section)
    if lost_base and (other.operator in (*BY_BASE, *SHAPES) or unit_role(doc, other) == "expect"):
        return True
    return (in_input or lost_section) and other.operator in SHAPES


def unit_role(doc: Document, fault: Fault) -> str:
    """The role of the innermost mapping around a fault."""
    around = [m for m in doc.mappings if m.place <= fault.edits[0].start <= end(m.node)]
    return max(around, key=lambda m: m.place).role if around else "spec"


def unit(doc: Document, offset: int) -> Mapping | None:
    """The innermost mapping around a place of which only one mistake is taken."""
    around = [m for m in doc.mappings if m.role in UNITS and m.place <= offset <= end(m.node)]
    return max(around, key=lambda m: m.place, default=None)


def combined(seed: int, count: int) -> Iterator[tuple[Mutant, Source]]:
    """`count` specs with two to five faults each."""
    random = Random(seed)
    names = [name for name, operator in OPERATORS.items() if not operator.syntax]
    made = 0
    while made < count:
        source = random.choice(sources())
        doc = document(source)
        wanted = random.randint(2, 5)
        chosen: list[Fault] = []
        units: list[object] = []
        for _ in range(wanted * 4):
            found = OPERATORS[random.choice(names)].faults(doc, random)
            if not found or len(chosen) == wanted:
                continue
            fault = random.choice(found)
            own = unit(doc, fault.edits[0].start) or fault.edits[0].start
            if any(dependent(doc, one, fault) or dependent(doc, fault, one) for one in chosen):
                continue
            if own not in units and apply(source.name, source.text, [*chosen, fault]) is not None:
                chosen.append(fault)
                units.append(own)
        mutant = apply(source.name, source.text, chosen) if len(chosen) == wanted else None
        if mutant is not None:
            made += 1
            yield mutant, source


def run(seed: int, count: int) -> Several:
    """Judge `count` specs with several faults."""
    result = Several()
    for mutant, source in combined(seed, count):
        result.take(judge(mutant, source))
    return result
