"""Random mistakes in specs, as data: keys dropped, renamed, added, moved; values of other kinds; items lost and doubled.

Run as a program it makes many more than the suite does, and says what the schema and the validator refuse:
`python tests/mutate.py 2000`.
"""

from __future__ import annotations

import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archc.api import Spec, plain
from archc.diagnostics import Report, SourceFile
from archc.schema import json_schema
from archc.source import parse
from archc.spec.load import load_text

ROOT = Path(__file__).resolve().parent.parent
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 3, 64, -1, 0.5, 2.0, 1e-3, 2**40),
    *("", "x", "a b", "none", "relu", "conv", "input", "training", "zeros", "1", "$x", "$i", "${1 + 1}", "a$x"),
    *([], [1], [2, 2], [1, "$x"], [None], [[1]], [1, 2, 3, 4], ["a"], {}, {"default": 1}, {"type": "relu"}),
    *({"type": "x"}, {"type": "relu", "x": 1}, {"type": "leaky_relu", "negative_slope": "a"}, {"type": "int"}),
    *({"weight": "zeros"}, {"conv": {"weight": "ones"}}, {"conv": 0}, {"min": 1, "default": 8}),
)
"""What a value is replaced by."""


@dataclass(frozen=True)
class Sample:
    """A spec as data, and the folder that it extends others from."""

    name: str
    data: Any
    folder: Path


def sample(name: str, text: str, folder: Path) -> Sample:
    """A spec from its text."""
    tree, found = parse(SourceFile(name, text))
    assert tree is not None, found
    assert not found, found
    return Sample(name, plain(tree), folder)


def check(data: Any, folder: Path, root: Path) -> Spec:
    """A spec that is given as data; JSON is YAML."""
    report = Report()
    text = json.dumps(data, ensure_ascii=False)
    return Spec(load_text(SourceFile("mutated.yaml", text), folder, root, report), {}, report)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of everything inside `data`."""
    stack = [data]
    while stack:
        node = stack.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            yield node, key
            stack.append(node[key])


def without_claims(data: Any) -> Any:
    """`data` less every `expect`, for a claim about a shape hides that a change of shapes was accepted."""
    if isinstance(data, dict):
        return {key: without_claims(value) for key, value in data.items() if key != "expect"}
    return [without_claims(item) for item in data] if isinstance(data, list) else data


class Mutator:
    """Mistakes drawn from one source of randomness; `samples` lend their keys and values."""

    def __init__(self, rng: random.Random, samples: list[Sample]) -> None:
        self.rng = rng
        self.values: dict[str, list[Any]] = {}
        for one in samples:
            for node, key in places(one.data):
                if isinstance(node, dict):
                    self.values.setdefault(key, []).append(node[key])
        self.keys = sorted(self.values)

    def mutate(self, data: Any) -> tuple[Any, str]:
        """`data` with one to three mistakes, and what they are."""
        data = without_claims(data) if self.rng.random() < 0.7 else copy.deepcopy(data)
        told = []
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            found = list(places(data))
            if not found:
                break
            node, key = self.rng.choice(found)
            options = [self.replace, self.drop, self.exchange]
            options += [self.rename, self.add, self.lend, self.misspell] if isinstance(node, dict) else [self.double]
            option = self.rng.choice(options)
            told.append(f"{option.__name__} {key}: {option(node, key)}")
        return data, "; ".join(told)

    def replace(self, node: Any, key: Any) -> Any:
        node[key] = copy.deepcopy(self.rng.choice(VALUES))
        return node[key]

    def drop(self, node: Any, key: Any) -> Any:
        return node.pop(key)

    def exchange(self, node: Any, key: Any) -> Any:
        other = self.rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        node[key], node[other] = copy.deepcopy(node[other]), copy.deepcopy(node[key])
        return other

    def rename(self, node: dict[str, Any], key: str) -> str:
        new = self.rng.choice(self.keys)
        node[new] = node.pop(key)
        return new

    def misspell(self, node: dict[str, Any], key: str) -> str:
        at = self.rng.randrange(len(key) + 1)
        new = self.rng.choice((key[:at] + key[at + 1 :], key[:at] + "x" + key[at:], key.upper(), key + "s"))
        node[new] = node.pop(key)
        return new

    def add(self, node: dict[str, Any], key: str) -> str:
        new = self.rng.choice(self.keys)
        node[new] = copy.deepcopy(self.rng.choice([*VALUES, *self.values[new]]))
        return f"{new}: {node[new]}"

    def lend(self, node: dict[str, Any], key: str) -> Any:
        if key in self.values:
            node[key] = copy.deepcopy(self.rng.choice(self.values[key]))
        return node[key]

    def double(self, node: list[Any], key: int) -> Any:
        node.insert(key, copy.deepcopy(node[key]))
        return node[key]


def shipped_samples() -> list[Sample]:
    """The specs that ship and the examples, but for the largest, which take long and say nothing more."""
    files = [*sorted((ROOT / "specs").rglob("*.yaml")), *sorted((ROOT / "examples").glob("*.yaml"))]
    large = ("resnet101", "resnet152", "densenet", "densenet121")
    return [
        sample(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"), file.parent)
        for file in files
        if file.stem not in large
    ]


def root_of(one: Sample) -> Path:
    """What `extends` may not leave."""
    return ROOT / "specs" if one.folder.is_relative_to(ROOT / "specs") else one.folder


@dataclass(frozen=True)
class Verdict:
    """What the two say of one mutated spec."""

    name: str
    told: str
    data: Any
    schema: list[str]
    codes: list[str]


def verdicts(count: int, seed: int, samples: list[Sample]) -> Iterator[Verdict]:
    """What the schema and the validator say of `count` mutated specs."""
    from jsonschema import Draft202012Validator

    rng = random.Random(seed)
    mutator = Mutator(rng, samples)
    validator = Draft202012Validator(json_schema(installed=False))
    for _ in range(count):
        one = rng.choice(samples)
        data, told = mutator.mutate(one.data)
        errors = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(data)]
        try:
            codes = [found.code for found in check(data, one.folder, root_of(one)).check(warnings=False)]
        except Exception as error:
            raise AssertionError(f"{one.name}: {told}: {json.dumps(data)}") from error
        yield Verdict(one.name, told, data, errors, codes)


def main() -> int:
    """Count what each refuses; show what the schema alone refuses."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    both = validator_only = wrong = 0
    unseen: Counter[str] = Counter()
    for verdict in verdicts(count, seed, shipped_samples()):
        both += bool(verdict.codes and verdict.schema)
        validator_only += bool(verdict.codes and not verdict.schema)
        unseen.update(verdict.codes[:1] if not verdict.schema else [])
        if verdict.schema and not verdict.codes:
            wrong += 1
            print(f"{verdict.name}: {verdict.told[:300]}\n  {verdict.schema[0][:300]}")
    refused = both + validator_only
    print(f"{count} mutated specs; the validator refuses {refused}, the schema {both} of them ({both / refused:.0%})")
    print(f"the schema alone refuses {wrong}")
    print("seen by the validator alone:", ", ".join(f"{code} {times}" for code, times in unseen.most_common(12)))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
