"""Runs over many random networks, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.kernels import own_kernels
from tests.verdict.net import Net
from tests.verdict.shrink import smaller

from .digests import differing
from .generate import Case, case_of, random_case, words
from .judge import judge

CHUNK = 25


@dataclass
class Tally:
    """What came of a run."""

    networks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    """How many networks have each kind of stage and each attribute."""
    largest: float = 0.0
    scale: float = 1.0
    free: int = 0
    faults: list[tuple[int, str, str]] = field(default_factory=list)
    """Seed, check and details."""

    def take(self, case: Case) -> None:
        """Judge a network and note what came of it."""
        found = judge(case)
        self.networks += 1
        self.counts.update(found.counts)
        self.words.update(set(words(case.net)))
        self.largest = max(self.largest, found.largest)
        self.scale = max(self.scale, found.scale)
        self.free += bool(case.free)
        self.faults += [(case.seed, check, detail) for check, detail in found.faults]

    def merge(self, other: Tally) -> None:
        """Add what another part of the run found."""
        self.networks += other.networks
        self.counts += other.counts
        self.words += other.words
        self.largest = max(self.largest, other.largest)
        self.scale = max(self.scale, other.scale)
        self.free += other.free
        self.faults += other.faults


def run(seeds: Iterable[int]) -> Tally:
    """Judge the networks of these seeds, and compare their bytes under two hash seeds."""
    tally, texts = Tally(), {}
    with own_kernels():
        for seed in seeds:
            case = random_case(seed)
            texts[seed] = case.text
            tally.take(case)
    for at in differing(list(texts.values())):
        tally.faults.append((list(texts)[at], "bytes", "other bytes under another hash seed"))
    return tally


def run_parallel(first: int, count: int, jobs: int) -> Iterator[Tally]:
    """The run from seed `first`, in several processes: what was found so far, again and again."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    tally = Tally()
    if jobs == 1:
        for chunk in chunks:
            tally.merge(run(chunk))
            yield tally
        return
    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(run, chunks):
            tally.merge(part)
            yield tally


def shrunk(case: Case, tries: int = 300) -> Case:
    """The least network found by leaving things out that still fails one of the same checks."""
    wanted = {check for check, _ in judge(case).faults}
    net = case.net
    while tries > 0:
        for candidate in smaller(net):
            tries -= 1
            if wanted & checks_failed(candidate, case.seed):
                net = candidate
                break
            if tries <= 0:
                break
        else:
            break
    return case_of(net, case.seed)


def checks_failed(net: Net, seed: int) -> set[str]:
    """The checks that a network fails; none where it makes no sense to the test."""
    try:
        return {check for check, _ in judge(case_of(net, seed)).faults}
    except Exception:  # a smaller network that does not run says nothing
        return set()


def table(tally: Tally) -> str:
    """The summary of a run."""
    rows = [f"{tally.networks} networks, {tally.free} of them with free sizes, {len(tally.faults)} faults"]
    rows += [f"{count:12,}  {what}" for what, count in sorted(tally.counts.items())]
    rows.append(f"the largest difference between ONNX Runtime and torch is {tally.largest:.3f} of its bound")
    if tally.scale > 1.0:
        rows.append(f"the most that conditioning scaled a bound by is {tally.scale:.3g}")
    kinds = {word for word in tally.words if "." not in word}
    rows.append(f"{len(kinds)} kinds of stages with {len(tally.words) - len(kinds)} attributes")
    return "\n".join(rows)
