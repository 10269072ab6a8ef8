"""Runs of the verdict test over many networks, and the table of what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from tests.kernels import own_kernels

from .generate import random_net
from .judge import AGREEMENTS, judge, names_the_stage
from .mutate import mutated
from .net import Net

CHUNK = 50
UNCHANGED = "none (valid by construction)"


@dataclass
class Case:
    """One network: its seed, and the operator that changed it, if one did."""

    seed: int
    operator: str
    net: Net


def case(seed: int) -> Case:
    """The network of a seed: every other one is mutated."""
    net = random_net(seed)
    if seed % 2 == 0:
        return Case(seed, "", net)
    operator, net = mutated(net, Random(f"mutation {seed}"))
    return Case(seed, operator, net)


@dataclass
class Tally:
    """What came of a run."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_operator: dict[str, Counter[str]] = field(default_factory=dict)
    stricter: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    """How many networks that both accept torch refuses for a batch of one, by mode."""
    diagnostics: Counter[int] = field(default_factory=Counter)
    """How many diagnostics the mutated networks got that archc rejects."""
    located: int = 0
    """How many of those that both reject have a diagnostic at the very stage where torch stops."""
    stages: int = 0
    disagreements: list[tuple[int, str, str, str]] = field(default_factory=list)
    """Seed, operator, kind and details."""

    def take(self, one: Case) -> None:
        """Judge a network and note what came of it."""
        found = judge(one.net, one.seed)
        if found is None:
            self.outcomes["too large to run"] += 1
            return
        theirs, ours, outcome = found
        self.outcomes[outcome.kind] += 1
        self.by_operator.setdefault(one.operator or UNCHANGED, Counter())[outcome.kind] += 1
        if outcome.kind == "stricter":
            self.stricter.update(theirs.classes)
        if outcome.kind == "both accept":
            self.stages += len(theirs.shapes)
            self.alone.update(theirs.alone.keys())
        if outcome.kind == "both reject":
            self.located += names_the_stage(theirs, ours)
        if one.operator and ours.found:
            self.diagnostics[len(ours.found)] += 1
        if not outcome.agrees:
            self.disagreements.append((one.seed, one.operator, outcome.kind, outcome.detail))

    def merge(self, other: Tally) -> None:
        """Add what another part of the run found."""
        self.outcomes += other.outcomes
        self.stricter += other.stricter
        self.alone += other.alone
        self.diagnostics += other.diagnostics
        self.stages += other.stages
        self.located += other.located
        self.disagreements += other.disagreements
        for operator, counts in other.by_operator.items():
            self.by_operator[operator] = self.by_operator.get(operator, Counter()) + counts

    @property
    def mean_diagnostics(self) -> float:
        """Diagnostics for each mutated network that archc rejects."""
        total = sum(self.diagnostics.values())
        return sum(number * count for number, count in self.diagnostics.items()) / total if total else 0.0


def run(seeds: Iterable[int]) -> Tally:
    """Judge the networks of these seeds."""
    tally = Tally()
    with own_kernels():
        for seed in seeds:
            tally.take(case(seed))
    return tally


def run_parallel(first: int, count: int, jobs: int) -> Iterator[Tally]:
    """The run from seed `first`, in several processes: what was found so far, again and again."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    tally = Tally()
    if jobs == 1:
        parts: Iterable[Tally] = map(run, chunks)
        for part in parts:
            tally.merge(part)
            yield tally
        return
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(run, chunks):
            tally.merge(part)
            yield tally


def table(tally: Tally) -> str:
    """The summary of a run."""
    kinds = [*AGREEMENTS, *sorted(set(tally.outcomes) - set(AGREEMENTS))]
    rows = [f"{'operator':32}" + "".join(f"{kind:>18}" for kind in kinds)]
    for operator in sorted(tally.by_operator, key=lambda name: (name != UNCHANGED, name)):
        counts = tally.by_operator[operator]
        rows.append(f"{operator:32}" + "".join(f"{counts[kind] or '-':>18}" for kind in kinds))
    rows.append(f"{'all':32}" + "".join(f"{tally.outcomes[kind]:>18}" for kind in kinds))
    rows += ["", "stricter on purpose, by class (a network may be in several):"]
    rows += [f"  {count:6}  {name}" for name, count in tally.stricter.most_common()]
    accepted = tally.outcomes["both accept"]
    rows += ["", f"shapes compared at {tally.stages} stages of {accepted} networks, and their parameters"]
    for mode in ("train", "eval"):
        rows.append(f"batch of one: torch refuses {tally.alone[mode]} of those {accepted} in {mode} mode")
    rejected = tally.outcomes["both reject"]
    rows.append(f"both reject: {tally.located} of {rejected} with a diagnostic at the stage where torch stops")
    many = ", ".join(f"{number}: {count}" for number, count in sorted(tally.diagnostics.items()))
    rows.append(f"diagnostics of a rejected mutation: {tally.mean_diagnostics:.3f} on average ({many})")
    return "\n".join(rows)
