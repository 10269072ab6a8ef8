"""A random network that runs in PyTorch, as a spec and as an eager program; some sizes of its input are free."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import archc.api
from tests.verdict.generate import random_net
from tests.verdict.net import AXES, Net, walk
from tests.verdict.text import spec_text


@dataclass(frozen=True)
class Case:
    """A network by its seed: its neutral form, its spec, and which sizes the spec frees."""

    seed: int
    net: Net
    text: str
    free: tuple[str, ...]


def random_case(seed: int) -> Case:
    """The network of a seed."""
    return case_of(random_net(seed), seed)


def case_of(net: Net, seed: int) -> Case:
    """A network with its spec. Of four, one frees its sizes, as far as archc finds them to work."""
    text = spec_text(net, seed)
    rng = Random(f"free {seed}")
    names = [name for name in AXES[net.rank] if rng.random() < 0.8] if rng.random() < 0.25 else []
    while names:
        freed = with_free(text, net, names, rng.choice((1, 2)))
        if not archc.api.load_with("-", [], freed.encode()).check(warnings=False):
            return Case(seed, net, freed, tuple(names))
        names.pop()
    return Case(seed, net, text, ())


def with_free(text: str, net: Net, names: list[str], step: int) -> str:
    """The spec with some axes free, from their default up and in steps."""
    for name, size in zip(AXES[net.rank], net.sizes, strict=True):
        if name in names:
            bounds = {"min": size, "default": size} | ({"multiple_of": step} if size % step == 0 and step > 1 else {})
            text = text.replace(f'"{name}": {size}', f'"{name}": {json.dumps(bounds)}', 1)
    return text


def words(net: Net) -> Iterator[str]:
    """Each kind that the network has, and each attribute that it gives: `conv`, `conv.stride`."""
    for _, stage in walk(net.stages):
        yield stage.kind
        yield from (f"{stage.kind}.{name}" for name in stage.attrs)
        yield from ("repeat",) if stage.repeat is not None else ()


def coverage(nets: Iterator[Net]) -> Counter[str]:
    """How many networks have each kind and each attribute."""
    found: Counter[str] = Counter()
    for net in nets:
        found.update(set(words(net)))
    return found


def plain(value: Any) -> Any:
    """A value that compares alike in every notation: lists as tuples."""
    return tuple(plain(one) for one in value) if isinstance(value, (list, tuple)) else value
