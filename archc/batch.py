"""Many specs in one run: each checked or fixed, in one process or several, with results in their order."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from archc.api import STDIN, Spec, load, load_with
from archc.diagnostics import Diagnostic, SourceFile, Span
from archc.diagnostics.model import in_order
from archc.fix import Fixed, fixed
from archc.ir.graph import Graph
from archc.limits import MAX_BYTES

if TYPE_CHECKING:
    from archc.profile import Profile

Describe = Callable[[Graph], tuple[str, ...]]

FEW: Final = 16
"""So many specs take about as long as a process more saves."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be checked: an argument's name, and the bytes where it is standard input."""

    name: str
    data: bytes | None = None

    @property
    def shown(self) -> str:
        """The name of its file in diagnostics."""
        return STDIN if self.data is not None else self.name


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a target; `before` and `fixed` where fixes were asked for and it is a text that may change."""

    target: Target
    found: tuple[Diagnostic, ...]
    before: bytes = b""
    fixed: Fixed | None = None
    sizes: tuple[str, ...] = ()
    """What was told of the sizes that a correct spec takes."""


def read_stdin() -> bytes:
    """Standard input, at most one byte more than a spec may have."""
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def processes(wanted: int | None, count: int) -> int:
    """How many processes check `count` specs: as many as wanted (0: as there are cores), by default one for a few specs."""
    if wanted is None:
        return min(_cores(), max(1, count // FEW))
    return min(wanted or _cores(), max(1, count))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_all(
    targets: Sequence[Target],
    settings: Sequence[str],
    jobs: int = 1,
    fix: bool = False,
    describe: Describe | None = None,
    profile: Profile | None = None,
) -> Iterator[Checked]:
    """What is wrong with each of `targets`, in their order; where `fix`, with what fixes make of them.

    `describe` tells of the sizes of those that are right; what the device of a spec, or of `profile`, cannot run is wrong too.
    """
    settings = list(settings)
    work = (
        partial(_fix, settings=settings)
        if fix
        else partial(_check, settings=settings, describe=describe, profile=profile)
    )
    if jobs <= 1 or len(targets) <= 1:
        yield from map(work, targets)
        return
    from archc.jobs import Lost, each  # a tenth of the time that one check takes

    for target, result in zip(targets, each(work, targets, jobs), strict=True):
        yield Checked(target, (lost(target, result.status),)) if isinstance(result, Lost) else result


def _check(
    target: Target, settings: list[str], describe: Describe | None = None, profile: Profile | None = None
) -> Checked:
    spec = _load(target, settings, target.data)
    found = in_order([*spec.check(), *spec.unfit_for(profile)])
    is_right = not any(one.severity == "error" for one in found)
    return Checked(target, tuple(found), sizes=describe(spec.graph) if describe is not None and is_right else ())


def _load(target: Target, settings: list[str], data: bytes | None) -> Spec:
    if data is None and os.path.isdir(target.name):
        return load(target.name)  # a folder without specs is a mistake too
    return load_with(target.name, settings, data)


def _fix(target: Target, settings: list[str]) -> Checked:
    data = _changeable(target)
    if data is None:
        return _check(target, settings)
    result = fixed(data, lambda text: _load(target, settings, text))
    unfit = _load(target, settings, result.data).unfit_for()
    return Checked(target, tuple(in_order([*result.found, *unfit])), data, result)


def _changeable(target: Target) -> bytes | None:
    """The bytes of a target; None for what ships with archc, which is never changed, and for what cannot be read."""
    if target.data is not None:
        return target.data
    path = Path(target.name)
    try:
        if not path.is_file() or path.resolve().is_relative_to(Path(__file__).resolve().parent):
            return None
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, RuntimeError):
        return None
    return data if len(data) <= MAX_BYTES else None


def lost(target: Target, status: int | None) -> Diagnostic:
    """The diagnostic for a spec whose process ended: no spec may do that."""
    why = f"signal {-status}" if status is not None and status < 0 else f"exit code {status}"
    start = Span(SourceFile(target.shown, ""), 1, 1, 1, 1)
    help = "check it alone; if it happens again, report it: this is a mistake in archc, or memory ran out"
    return Diagnostic("A0801", f"the process that checked `{target.shown}` ended early: {why}", start, help=help)


def unique(checked: Sequence[Checked]) -> list[Diagnostic]:
    """All findings in order, once each: specs that extend one wrong file find the same there."""
    found: dict[tuple[object, ...], Diagnostic] = {}
    for one in checked:
        for diagnostic in one.found:
            key = (diagnostic.code, diagnostic.span.position, diagnostic.message, diagnostic.path)
            found.setdefault(key, diagnostic)
    return list(found.values())
