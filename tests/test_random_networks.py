"""Random networks: whatever archc accepts builds, runs, and is the same in every target, down to attributes and bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strategies import tangled_spec

import archc
from archc.blocks.primitives import PRIMITIVES
from archc.diagnostics import CODES
from archc.ir.verify import verify as verify_graph

torch = pytest.importorskip("torch", reason="torch is the oracle")
pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from archc.backends.onnx import DEFAULT_OPSET, build  # noqa: E402
from archc.backends.torch import to_torch  # noqa: E402
from archc.verify import inputs, probe_state, verify  # noqa: E402
from tests.random_networks import conditioning  # noqa: E402
from tests.random_networks.conditioning import scales  # noqa: E402
from tests.random_networks.digests import differing  # noqa: E402
from tests.random_networks.generate import Case, case_of, coverage, random_case  # noqa: E402
from tests.random_networks.judge import CHECKS, judge  # noqa: E402
from tests.random_networks.runner import Tally, run, shrunk, table  # noqa: E402
from tests.verdict.generate import random_net  # noqa: E402
from tests.verdict.net import Net, Stage, walk  # noqa: E402

GROUPS = 20
EACH = 50


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.filterwarnings("ignore")  # torch remarks on paddings that it pads itself
def test_random_networks_are_right_in_every_respect(group: int) -> None:
    tally = run(range(group * EACH, (group + 1) * EACH))
    assert tally.faults == [], table(tally)
    assert tally.networks == EACH
    for what in ("values in all targets", "ops with their attributes", "sizes against onnx", "shapes against torch"):
        assert tally.counts[what] > 5 * EACH
    assert tally.counts["outputs against the eager program"] > 0.8 * EACH


@pytest.mark.filterwarnings("ignore")
def test_the_generator_covers_every_primitive_and_every_field() -> None:
    torch.set_num_threads(1)
    found = coverage(random_net(seed) for seed in range(400))
    wanted = set(PRIMITIVES) | {f"{name}.{one.name}" for name, made in PRIMITIVES.items() for one in made.params}
    assert wanted - set(found) == set()
    assert {"fuse", "step", "group", "repeat", "residual", "inception"} <= set(found)


@pytest.mark.filterwarnings("ignore")
def test_some_have_free_sizes() -> None:
    cases = [random_case(seed) for seed in range(60)]
    assert sum(bool(case.free) for case in cases) >= 3
    assert all('"min"' in case.text for case in cases if case.free)


# -- each check can fail ------------------------------------------------------------------------------------------------

SMALL = Net(
    3,
    (8, 8),
    (
        Stage("s1", "conv", {"out_channels": 4, "kernel_size": 3, "bias": False}),
        Stage("s2", "batch_norm", {"eps": 1e-3}),
        Stage("s3", "leaky_relu", {"negative_slope": 0.2}),
        Stage("s4", "max_pool", {"kernel_size": 2}),
    ),
)


def test_a_network_without_faults_has_none() -> None:
    assert judge(case_of(SMALL, 0)).faults == []


@pytest.mark.parametrize(
    ("check", "word", "instead"),
    [
        ("eager program", '"negative_slope": 0.2', '"negative_slope": 0.21'),
        ("eager program", '"eps": 0.001', '"eps": 0.0010001'),
        ("eager program", '"kernel_size": 2', '"kernel_size": 3'),
        ("refused", '"kernel_size": 2', '"kernel_size": 9'),
        ("refused", '"type": "batch_norm"', '"type": "bach_norm"'),
    ],
)
def test_a_spec_that_says_something_else_is_seen(check: str, word: str, instead: str) -> None:
    case = case_of(SMALL, 4)
    assert word in case.text
    other = Case(4, SMALL, case.text.replace(word, instead), ())
    assert check in {name for name, _ in judge(other).faults}


def test_a_fault_is_made_small() -> None:
    net = random_net(3)
    stages = (*net.stages, Stage("broken", "pad", {"padding": -1, "mode": "reflect"}, (net.stages[-1].name,)))
    small = shrunk(case_of(Net(net.channels, net.sizes, stages), 3), tries=60)
    assert len(list(walk(small.net.stages))) <= len(list(walk(stages))) / 2
    assert judge(small).faults


def test_hash_seeds_that_change_the_bytes_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    text = case_of(SMALL, 0).text
    assert differing([text, text]) == []
    import tests.random_networks.digests as module

    monkeypatch.setattr(module, "HASH_SEEDS", ("1", "2"))
    made = iter(("a b", "a c"))

    class Done:
        def __init__(self) -> None:
            self.stdout = next(made)

    monkeypatch.setattr(module.subprocess, "run", lambda *args, **more: Done())
    assert module.differing(["x", "y"]) == [1]


def test_the_table_says_what_was_done() -> None:
    tally = Tally(2, faults=[(1, "costs", "x")])
    assert table(tally).startswith("2 networks, 0 of them with free sizes, 1 faults")
    assert len(CHECKS) == 7


# -- rounding -----------------------------------------------------------------------------------------------------------

SHARP = Net(
    4,
    (24, 24),
    (
        Stage("a", "conv", {"out_channels": 8, "kernel_size": 3}),
        Stage("b", "conv", {"out_channels": 8, "kernel_size": 3}, ("input",)),
        Stage("c", "multiply", {}, ("a", "b")),
        Stage("d", "hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    ),
)
"""Of a product the small elements are known to the rounding of the large ones."""


def test_the_conditioning_of_values_is_measured() -> None:
    case = case_of(SHARP, 1)
    graph = archc.api.load_with("-", [], case.text.encode()).graph
    state = probe_state(graph, 1)
    calm = scales(graph, to_torch(graph, state).eval(), inputs(graph, 1))
    assert set(calm.values()) == {1.0}
    loud = {key: 30 * value if value.ndim == 4 else value for key, value in state.items()}
    found = scales(graph, to_torch(graph, loud).eval(), inputs(graph, 1))
    assert (found["a"], found["b"], found["c"]) == (1.0, 1.0, 1.0)
    assert found["d"] > 2


@pytest.mark.parametrize("seed", [5000015, 5000054, 5000714, 5001109, 9003026])
@pytest.mark.filterwarnings("ignore")
def test_what_rounding_alone_moves_is_counted_and_no_fault(seed: int) -> None:
    torch.set_num_threads(1)
    found = judge(random_case(seed))
    assert found.faults == []
    assert found.counts["values with a bound scaled by their conditioning"] > 0
    assert found.scale > 1.0


@pytest.mark.parametrize("size", [1, 2, 5])
def test_running_sums_that_lose_nothing_are_the_norm(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    norm = torch.nn.LocalResponseNorm(size, alpha=0.3, beta=0.6, k=1.5)
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(2, 7, 3, 4, dtype=torch.float64)
    assert not torch.equal(conditioning.with_running_sums(norm, x, draw), norm(x))
    monkeypatch.setattr(conditioning, "ROUNDING", 0.0)
    assert torch.allclose(conditioning.with_running_sums(norm, x, draw), norm(x), rtol=1e-12)


def test_a_difference_beyond_what_rounding_moves_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditioning, "MARGIN", 0.0)
    assert "targets" in {check for check, _ in judge(random_case(5000054)).faults}


# -- what random networks found -----------------------------------------------------------------------------------------


def test_one_chunk_of_one_is_the_value_and_no_tuple(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    stages = '[{"type": "chunk", "chunks": 1, "index": 0}, {"type": "relu"}]'
    path.write_text(f'{{"archc": 1, "name": "net", "input": {{"channels": 4, "length": 6}}, "stages": {stages}}}')
    graph = archc.load(path).graph
    assert verify(graph, {}, DEFAULT_OPSET).agrees


@pytest.mark.parametrize("seed", [5001042, 5001505, 9003557, 9012169, 9012348])
@pytest.mark.filterwarnings("ignore")
def test_networks_that_had_a_fault_have_none(seed: int) -> None:
    """A part of features that grow with a free size; windows that see padding alone, whose values are no numbers.

    A convolution that is an output and is added; a local response norm of numbers whose squares drown the others.
    """
    assert judge(random_case(seed)).faults == []


def test_a_class_is_not_told_apart_by_a_part_of_a_number(tmp_path: Path) -> None:
    """Of S11Group no S1 is taken away, which would leave 1Group."""
    group = """
      - stages:
          - {name: %s, type: conv, out_channels: 4, kernel_size: 3, padding: 1, repeat: 2}
          - {type: %s, from: %s.*}"""
    path = tmp_path / "net.yaml"
    inner = group % ("s1", "add", "s1") + group % ("s8", "add", "s8")
    head = "archc: 1\nname: net\ninput: {channels: 4, length: 8}\nstages:\n  - name: s11\n    repeat: 2\n    stages:"
    path.write_text(f"{head}{inner}\n")
    graph = archc.load(path).graph
    assert "class S11Group(nn.Module)" in archc.load(path).to_python()
    assert verify(graph, probe_state(graph), DEFAULT_OPSET).agrees


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_valid_by_construction_is_refused_or_right(tmp_path: Path) -> None:
    accepted = 0
    for seed in range(120):
        path = tmp_path / "net.yaml"
        path.write_text(json.dumps(tangled_spec(seed)))
        spec = archc.load(path)
        found = spec.check(warnings=False)
        if found:
            assert {one.code for one in found} <= set(CODES)
            continue
        accepted += 1
        verify_graph(spec.graph)
        build(spec.graph, probe_state(spec.graph, seed))
    assert accepted >= 10
