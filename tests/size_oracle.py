"""torch as an oracle for input sizes: a narrow network run for real on the CPU at every size.

`python tests/size_oracle.py` runs every size from 1 to 200 for all that `networks` yields; the suite runs a part of it.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import gcd
from pathlib import Path
from typing import Any

import torch
from strategies import random_spec

import archc
from archc.analysis.replay import types_at
from archc.analysis.size_set import ValidSizes
from archc.analysis.valid_sizes import valid_sizes
from archc.backends.torch import to_torch
from archc.ir import Graph, ops
from archc.ir.types import TensorType
from archc.spec.load import shipped_specs

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))
SIZES = range(1, 201)
RANDOM = 200
MAX_ELEMENTS = 10**7
"""The largest value that a random network is run with: upsampling again and again makes maps that fill the memory."""


@dataclass
class Result:
    """What a comparison found: how many sizes were run, those that disagree, those where archc is strict on purpose."""

    run: int = 0
    strict: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.run, self.strict, self.wrong = (
            self.run + other.run,
            self.strict + other.strict,
            self.wrong + other.wrong,
        )


def narrowed(graph: Graph) -> Graph:
    """The same network with the fewest channels: what it does to sizes is the same, running it costs little."""
    found = (_narrowed(graph, by) for by in (64, 32, 16, 8, 4, 2))
    return next((small for small in found if small is not None), graph)


def _narrowed(graph: Graph, by: int) -> Graph | None:
    types: list[TensorType] = list(graph.types)
    nodes = []
    for node in graph.nodes:
        inputs = tuple(types[value] for value in node.inputs)
        op = _narrow(node.op, inputs[0].channels or 0, by)
        if next(op.requires(*inputs), None) is not None:
            return None
        types[node.output] = op.infer(*inputs)
        nodes.append(replace(node, op=op))
    return replace(graph, nodes=tuple(nodes), types=tuple(types))


def _narrow(op: ops.Op, channels: int, by: int) -> ops.Op:
    """An op with its channels divided, for an input of `channels`."""
    if isinstance(op, ops.Conv | ops.ConvTranspose):
        depthwise = op.groups == op.in_channels > 1
        groups = channels if depthwise else 1
        out = channels * (op.out_channels // op.groups) if depthwise else -(-op.out_channels // by)
        return replace(op, in_channels=channels, out_channels=out, groups=groups)
    if isinstance(op, ops.Linear):
        return replace(op, in_features=channels, out_features=-(-op.out_features // by))
    if isinstance(op, ops.GroupNorm):
        return replace(op, num_channels=channels, num_groups=gcd(op.num_groups, channels))
    if isinstance(op, ops.BatchNorm | ops.LayerNorm | ops.RMSNorm):
        return replace(op, num_features=channels)
    if isinstance(op, ops.Scale):
        return replace(op, channels=channels)
    if isinstance(op, ops.PReLU) and op.num_parameters != 1:
        return replace(op, num_parameters=channels)
    return op


def networks() -> Iterator[tuple[str, Graph]]:
    """Every spec that ships and every example, narrowed; and the random networks that are valid."""
    for name in (*shipped_specs(), *EXAMPLES):
        yield str(name), narrowed(archc.load(name).graph)
    yield from random_networks(RANDOM)


def random_networks(count: int, seed: int = 0) -> Iterator[tuple[str, Graph]]:
    """The first random networks from a seed on that are valid at their default size."""
    while count:
        graph = graph_of(fixed(random_spec(seed)))
        if graph is not None:
            yield f"random {seed}", graph
            count -= 1
        seed += 1


def fixed(spec: dict[str, Any]) -> dict[str, Any]:
    """A spec whose input is at its default size."""
    sizes = {key: size["default"] if isinstance(size, dict) else size for key, size in spec["input"].items()}
    return {**spec, "input": sizes}


def graph_of(spec: dict[str, Any]) -> Graph | None:
    """The graph of a spec given as data, or None if it is wrong. JSON is YAML."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.yaml"
        path.write_text(json.dumps(spec), encoding="utf-8")
        found = archc.load(path)
        return None if found.check(warnings=False) else found.graph


def all_sizes(valid: ValidSizes) -> Iterable[int]:
    """Every size."""
    return SIZES


def telling_sizes(valid: ValidSizes) -> Iterable[int]:
    """The least sizes, those where the set begins and ends, and some others."""
    edges = [size for size in SIZES if (size in valid) != (size + 1 in valid)]
    some = random.Random(str(valid)).sample(SIZES, 6)
    return sorted({*range(1, 9), *edges[:6], *(size + 1 for size in edges[:6]), *some})


def compare(name: str, graph: Graph, choose: Callable[[ValidSizes], Iterable[int]] = all_sizes) -> Result:
    """Run a network at sizes along each axis, the others at their defaults, in inference and in training."""
    result = Result()
    module = to_torch(graph)
    modes = (False, True) if len(graph.inference_nodes) < len(graph.nodes) or len(graph.nodes) < 100 else (False,)
    for axis in range(len(graph.input.axes)):
        for training in modes:
            module.train(training)
            found = valid_sizes(graph, axis, training)
            if found is None:
                result.wrong.append(f"{name}: axis {axis} is not decided")
                continue
            for size in choose(found):
                result.add(_compare(name, graph, module, axis, training, size, size in found))
    return result


def _compare(
    name: str, graph: Graph, module: torch.nn.Module, axis: int, training: bool, size: int, valid: bool
) -> Result:
    spatial = tuple(size if at == axis else one.default for at, one in enumerate(graph.input.axes))
    types, fault = types_at(graph, spatial, training)
    if any(2 * type_.size > MAX_ELEMENTS for type_ in types if None not in type_.dims):
        return Result()
    works = runs(module, (2, graph.input.channels, *spatial))
    if works == valid:
        return Result(run=1)
    where = f"{name}, {'training' if training else 'inference'}, {spatial}: torch {works}, archc {valid}"
    if works and fault is not None and strict(graph, fault.node.op, fault.node.inputs, types):
        return Result(run=1, strict=1)
    return Result(run=1, wrong=[f"{where} {fault.reason if fault is not None else ''}"])


def strict(graph: Graph, op: ops.Op, inputs: tuple[int, ...], types: list[TensorType]) -> bool:
    """Whether archc refuses on purpose what torch takes: sums that broadcast, maps without rows."""
    given = [types[value] for value in inputs]
    if isinstance(op, ops.Add | ops.Multiply):
        return all(1 in pair or len(set(pair)) == 1 for pair in zip(*(one.dims for one in given), strict=True))
    return 0 in op.infer(*given).dims or (None in op.infer(*given).dims and isinstance(op, ops.ConvTranspose | ops.Pad))


def runs(module: torch.nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether torch takes an input of that shape."""
    try:
        with torch.inference_mode():
            module(torch.zeros(shape))
    except (RuntimeError, ValueError):
        return False
    return True


def main() -> int:
    """Run everything; 1 if anything disagrees."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    result, count = Result(), 0
    for name, graph in networks():
        found = compare(name, graph)
        result.add(found)
        count += 1
        for line in found.wrong[:5]:
            print(line, flush=True)
    print(
        f"{count} networks, {result.run:,} runs: {len(result.wrong)} disagree, archc is strict on purpose at {result.strict}"
    )
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
