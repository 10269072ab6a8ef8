"""The valid sizes, proved: against the shape rules run at every size, and against torch."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strategies import tangled_spec

import archc
from archc.analysis.replay import types_at
from archc.analysis.size_set import ALL, NONE, between, describe, from_, multiples, repeating
from archc.analysis.solve import agree, at_least, divisible, equal_to
from archc.analysis.steps import IDENTITY, Rule, Steps, total
from archc.analysis.valid_sizes import valid_sizes
from archc.api import load_with
from archc.ir import Graph
from archc.ir.passes import inference, run_passes
from archc.spec.load import shipped_specs

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))


def brute(graph: Graph, axis: int, sizes: range) -> set[int]:
    """The sizes at which every shape rule holds."""
    defaults = [one.default for one in graph.input.axes]
    good = set()
    for size in sizes:
        spatial = (*defaults[:axis], size, *defaults[axis + 1 :])
        if types_at(graph, spatial)[1] is None:
            good.add(size)
    return good


@pytest.mark.parametrize("name", [*shipped_specs(), *EXAMPLES], ids=str)
def test_the_set_is_that_of_the_shape_rules(name: str | Path) -> None:
    graph = archc.load(name).graph
    for axis in range(len(graph.input.axes)):
        for training, checked in ((True, graph), (False, run_passes(graph, [inference]))):
            found = valid_sizes(graph, axis, training)
            assert found is not None
            sizes = range(1, 140)
            assert {size for size in sizes if size in found} == brute(checked, axis, sizes)


def net(folder: Path, stages: list[dict[str, Any]], size: int, **fields: Any) -> Graph:
    """A network over a sequence; JSON is YAML."""
    path = folder / "net.yaml"
    path.write_text(
        json.dumps({"archc": 1, "name": "net", "input": {"channels": 2, "length": size}, "stages": stages, **fields})
    )
    return archc.load(path).graph


UP = {"name": "up", "type": "upsample", "scale_factor": 4}
CASES: list[tuple[str, list[dict[str, Any]], int, str]] = [
    ("a chain of strides", [{"type": "max_pool", "kernel_size": 2}, {"type": "conv", "out_channels": 2, "kernel_size": 3, "stride": 2}], 64, "every size from 6"),
    ("a skip over two halvings", [{"name": "a", "type": "max_pool", "kernel_size": 4}, UP, {"type": "add", "from": ["up", "input"]}], 64, "multiples of 4 from 4"),
    ("flatten and linear", [{"type": "max_pool", "kernel_size": 4}, {"type": "flatten"}, {"type": "linear", "out_features": 3}], 66, "64 to 67"),
    (
        "branches that agree at one size",
        [{"name": "a", "type": "conv", "out_channels": 2, "kernel_size": 1, "stride": 2}, {"name": "b", "from": "input", "type": "conv", "out_channels": 2, "kernel_size": 5},
         {"type": "concat", "from": ["a", "b"]}],
        8, "8 to 9",
    ),
    ("dilation", [{"type": "conv", "out_channels": 2, "kernel_size": 3, "dilation": 4}], 32, "every size from 9"),
    ("a transposed convolution", [{"type": "conv_transpose", "out_channels": 2, "kernel_size": 2, "stride": 2, "padding": 2}], 8, "every size from 3"),
    ("an adaptive pool forgets", [{"type": "adaptive_avg_pool", "output_size": 3}, {"type": "flatten"}, {"type": "linear", "out_features": 3}], 8, "every size from 1"),
    ("ceil mode", [{"name": "a", "type": "max_pool", "kernel_size": 3, "stride": 2, "ceil_mode": True}, {"name": "up", "type": "upsample", "scale_factor": 2},
                   {"type": "add", "from": ["up", "input"]}], 8, "multiples of 2 from 2"),
    ("a gate that stretches", [{"name": "a", "type": "avg_pool", "kernel_size": 8}, {"type": "multiply", "from": ["a", "input"]}], 8, "8 to 15"),
    ("a linear beside a flatten", [{"name": "flat", "type": "flatten"}, {"name": "fc", "type": "linear", "out_features": 16}, {"type": "add", "from": ["fc", "flat"]}], 8, "8"),
    ("a linear joined to a flatten", [{"name": "pool", "type": "max_pool", "kernel_size": 2}, {"name": "flat", "type": "flatten"}, {"name": "fc", "type": "linear", "out_features": 3},
                                      {"type": "concat", "from": ["fc", "flat"]}, {"type": "linear", "out_features": 3}], 8, "8 to 9"),
    ("a flatten in parts", [{"name": "flat", "type": "flatten"}, {"type": "chunk", "chunks": 3, "index": 0}], 6, "multiples of 3 from 3"),
    ("two flattened", [{"name": "flat", "type": "flatten"}, {"name": "pool", "from": "input", "type": "max_pool", "kernel_size": 2}, {"name": "up", "type": "upsample", "scale_factor": 2},
                       {"name": "other", "type": "flatten"}, {"type": "add", "from": ["flat", "other"]}], 8, "multiples of 2 from 2"),
    ("sizes that leave a remainder", [{"name": "a", "type": "conv", "out_channels": 2, "kernel_size": 3, "stride": 4}, UP, {"name": "b", "from": "input", "type": "conv", "out_channels": 2, "kernel_size": 2},
                                      {"type": "add", "from": ["up", "b"]}], 9, "5 and so on in steps of 4"),
    ("strides without a common measure", [{"type": "upsample", "scale_factor": 2}, {"name": "a", "type": "max_pool", "kernel_size": 3}, {"name": "up", "type": "upsample", "scale_factor": 3},
                                          {"name": "b", "from": "input", "type": "upsample", "scale_factor": 2}, {"type": "add", "from": ["up", "b"]}], 6, "multiples of 3 from 3"),
    ("reflection", [{"type": "pad", "padding": [3, 1], "mode": "reflect"}], 8, "every size from 4"),
    ("rows taken away", [{"type": "pad", "padding": [-3, 1]}], 8, "every size from 4"),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "size", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_set_in_words_and_by_brute_force(
    stages: list[dict[str, Any]], size: int, words: str, tmp_path: Path
) -> None:
    graph = net(tmp_path, stages, size)
    found = valid_sizes(graph, 0)
    assert found is not None
    assert {size for size in range(1, 200) if size in found} == brute(graph, 0, range(1, 200))
    assert describe(found) == words


STRICTER = {"a flatten in parts", "rows taken away"}
"""Cases where torch takes more: uneven chunks, padding that takes all rows away and adds others."""


@pytest.mark.parametrize(("name", "stages", "size", "words"), CASES, ids=[case[0] for case in CASES])
def test_torch_takes_exactly_these_sizes(
    name: str, stages: list[dict[str, Any]], size: int, words: str, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    from archc.backends.torch import to_torch

    graph = net(tmp_path, stages, size)
    module, found = to_torch(graph).eval(), valid_sizes(graph, 0)
    assert found is not None
    for length in range(1, 100):
        try:
            with torch.no_grad():
                works = module(torch.zeros(2, 2, length)).numel() > 0  # archc refuses empty maps on purpose
        except RuntimeError:
            works = False
        assert works == (length in found) or (works and name in STRICTER), length


def test_a_long_period_is_decided(tmp_path: Path) -> None:
    """Ten strides of three repeat every 59049 sizes; nothing is enumerated."""
    stages = [{"type": "conv", "out_channels": 2, "kernel_size": 3, "stride": 3} for _ in range(10)]
    graph = net(tmp_path, [*stages, {"type": "flatten"}, {"type": "linear", "out_features": 3}], 3**10)
    assert str(valid_sizes(graph, 0)) == "59049 to 118097"
    up = {"name": "up", "type": "upsample", "scale_factor": 3**10}
    assert (
        str(valid_sizes(net(tmp_path, [*stages, up, {"type": "add", "from": ["up", "input"]}], 3**10), 0))
        == "multiples of 59049 from 59049"
    )


def test_training_and_inference_can_differ(tmp_path: Path) -> None:
    """An auxiliary head that exists in training only needs a larger input."""
    stages = [
        {"name": "a", "type": "conv", "out_channels": 2, "kernel_size": 3},
        {"name": "main", "type": "global_avg_pool"},
        {"name": "aux", "from": "a", "type": "max_pool", "kernel_size": 10},
    ]
    graph = net(tmp_path, stages, 64, outputs={"out": "main", "aux": {"from": "aux", "only": "training"}})
    assert str(valid_sizes(graph, 0)) == "every size from 3"
    assert str(valid_sizes(graph, 0, training=True)) == "every size from 12"


def test_sets_in_words() -> None:
    assert str(NONE) == "none"
    assert str(ALL) == "every size from 1"
    assert str(between(3, 3) | from_(9)) == "3 and every size from 9"
    assert (
        str(repeating(8, [(3, 3), (5, 6)]) & from_(5) | between(1, 2))
        == "1 to 2 and 5 to 6, 11 and so on in steps of 8"
    )
    assert str(multiples(2) & between(1, 40)) == "2, 4, 6, 8, 10, 12, 14, 16, ..."
    assert describe(multiples(4) - multiples(8)) == "4 and so on in steps of 8"


def test_sets_as_data() -> None:
    assert (between(1, 2) | from_(5) & multiples(4)).data() == {
        "ranges": [[1, 2]],
        "repeats": {"from": 5, "period": 4, "remainders": [[0, 0]]},
    }
    assert between(4, 9).data() == {"ranges": [[4, 9]], "repeats": None}


def test_what_repeats_past_the_greatest_size_does_not_repeat() -> None:
    assert multiples(1021) & multiples(1019) == multiples(1021 * 1019)
    assert multiples(1024) & multiples(1023) == multiples(1024 * 1023)
    assert multiples(1024) & multiples(1025) == NONE
    assert multiples(2**20) & multiples(3) == NONE
    assert list((repeating(2**19, [(7, 7)]) & repeating(3, [(1, 1)])).ranges()) == [(7, 7)]


def chain(rng: random.Random) -> tuple[Steps, Callable[[int], int]]:
    """A random chain of shape rules, as steps and as plain functions."""
    rules = [
        Rule(
            rng.randint(-6, 6),
            rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 7)),
            rng.choice((1, 1, 1, 2, 3, 4)),
            rng.randint(-2, 2),
        )
        for _ in range(rng.randint(0, 5))
    ]
    steps = IDENTITY
    for rule in rules:
        steps = steps.map(rule)

    def run(size: int) -> int:
        for rule in rules:
            size = rule(size)
        return size

    return steps, run


@pytest.mark.parametrize("seed", range(400))
def test_steps_and_sets_are_those_of_brute_force(seed: int) -> None:
    rng = random.Random(seed)
    (a, run_a), (b, run_b) = chain(rng), chain(rng)
    value, by = rng.randint(-3, 40), rng.randint(1, 9)
    summed = total([a, b])
    assert [(a.at(d), summed.at(d)) for d in range(200)] == [(run_a(d), run_a(d) + run_b(d)) for d in range(200)]
    divides, agrees = divisible(a, by), agree(a, b)
    sizes = range(1, 500)
    divided = {d for d in sizes if run_a(d) % by == 0}
    agreed = {d for d in sizes if run_a(d) == run_b(d)}
    for found, wanted in (
        (at_least(a, value), {d for d in sizes if run_a(d) >= value}),
        (equal_to(a, value), {d for d in sizes if run_a(d) == value}),
        (divides, divided),
        (agrees, agreed),
        (divides & agrees, divided & agreed),
        (divides | agrees, divided | agreed),
        (divides - agrees, divided - agreed),
    ):
        assert {d for d in sizes if d in found} == wanted
        assert found.last(400) == max((d for d in wanted if d <= 400), default=None)
        assert found.first(7) in (min((d for d in wanted if d >= 7), default=None), found.first(500))


@pytest.mark.parametrize("group", range(8))
def test_the_set_of_tangled_networks_is_that_of_the_shape_rules(group: int) -> None:
    valid = 0
    for seed in range(group * 200, group * 200 + 200):
        spec = load_with("-", [], json.dumps(tangled_spec(seed)).encode())
        if not spec.check(warnings=False):
            valid += 1
            found = valid_sizes(spec.graph, 0, training=True)
            assert found is not None
            assert {size for size in range(1, 150) if size in found} == brute(spec.graph, 0, range(1, 150))
    assert valid > 40


# -- torch, run for real --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*shipped_specs(), *EXAMPLES], ids=lambda name: Path(name).stem)
def test_torch_takes_the_sizes_of_every_spec(name: str | Path) -> None:
    """`python tests/size_oracle.py` runs every size from 1 to 200."""
    pytest.importorskip("torch", reason="torch is the oracle")
    from size_oracle import compare, narrowed, telling_sizes

    graph = archc.load(name).graph
    small = narrowed(graph)
    for axis in range(len(graph.input.axes)):
        assert valid_sizes(graph, axis, training=True) == valid_sizes(small, axis, training=True)
    assert compare(str(name), small, telling_sizes).wrong == []


@pytest.mark.parametrize("group", range(10))
@pytest.mark.filterwarnings("ignore")  # torch remarks on paddings that it pads itself
def test_torch_takes_the_sizes_of_random_networks(group: int) -> None:
    pytest.importorskip("torch", reason="torch is the oracle")
    from size_oracle import compare, random_networks, telling_sizes

    for name, graph in random_networks(20, seed=group * 1000):
        assert compare(name, graph, telling_sizes).wrong == []
