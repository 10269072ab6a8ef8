"""The graph's invariants: the verifier finds each breach, and passes keep them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

import archc
from archc.ir import Graph, Output, TensorType, ops
from archc.ir.passes import inference, run_passes
from archc.ir.text import to_text
from archc.ir.verify import GraphError, verify
from archc.spec.load import shipped_specs


@pytest.fixture(scope="module")
def graph() -> Graph:
    return archc.load("googlenet").graph


@pytest.mark.parametrize("name", shipped_specs())
def test_the_verifier_holds_for_every_spec_and_after_every_pass(name: str) -> None:
    verify(archc.load(name).graph)
    lean = run_passes(archc.load(name).graph, [inference])
    assert not any(node.op.identity_in_eval for node in lean.nodes)
    assert run_passes(lean, [inference]) == lean


def breach(graph: Graph, **changes: object) -> Graph:
    return replace(graph, **changes)  # type: ignore[arg-type]


def test_the_verifier_finds_a_value_used_before_it_exists(graph: Graph) -> None:
    with pytest.raises(GraphError, match="before it exists"):
        verify(breach(graph, nodes=tuple(reversed(graph.nodes))))


def test_the_verifier_finds_a_value_defined_twice(graph: Graph) -> None:
    nodes = (*graph.nodes[:-1], replace(graph.nodes[-1], output=graph.nodes[0].output))
    with pytest.raises(GraphError, match="defines value"):
        verify(breach(graph, nodes=nodes))


def test_the_verifier_finds_a_wrong_type(graph: Graph) -> None:
    types = list(graph.types)
    types[graph.nodes[0].output] = TensorType(7, (1, 1))
    with pytest.raises(GraphError, match="recorded is"):
        verify(breach(graph, types=tuple(types)))


def test_the_verifier_finds_a_broken_constraint(graph: Graph) -> None:
    node = graph.nodes[0]
    assert isinstance(node.op, ops.Conv)
    nodes = (replace(node, op=replace(node.op, groups=2)), *graph.nodes[1:])
    with pytest.raises(GraphError, match="A0302"):
        verify(breach(graph, nodes=nodes))


def test_the_verifier_finds_a_path_used_twice(graph: Graph) -> None:
    nodes = (replace(graph.nodes[0], path=graph.nodes[1].path), *graph.nodes[1:])
    with pytest.raises(GraphError, match="a path is used twice"):
        verify(breach(graph, nodes=nodes))


def test_the_verifier_finds_a_node_without_a_scope(graph: Graph) -> None:
    scopes = tuple(scope for scope in graph.scopes if scope.path != "inception3a")
    order = tuple(path for path in graph.order if path != "inception3a")
    with pytest.raises(GraphError, match="stands in no scope"):
        verify(breach(graph, scopes=scopes, order=order))


def test_the_verifier_finds_an_output_that_nothing_defines(graph: Graph) -> None:
    with pytest.raises(GraphError, match="which nothing defines"):
        verify(breach(graph, outputs=(Output("out", 10_000),)))


def test_the_verifier_wants_an_output_outside_training(graph: Graph) -> None:
    outputs = tuple(replace(output, training_only=True) for output in graph.outputs)
    with pytest.raises(GraphError, match="no output lives"):
        verify(breach(graph, outputs=outputs))


def test_a_pass_that_breaks_the_graph_is_caught(graph: Graph) -> None:
    with pytest.raises(GraphError):
        run_passes(graph, [lambda g: replace(g, nodes=g.nodes[1:])])


def test_inference_drops_heads_and_dropout_and_nothing_else(graph: Graph) -> None:
    lean = run_passes(graph, [inference])
    gone = {node.path for node in graph.nodes} - {node.path for node in lean.nodes}
    assert {path for path in gone if not path.startswith("aux")} == {"dropout"}
    assert [output.name for output in lean.outputs] == ["logits"]


def test_a_graph_is_immutable(graph: Graph) -> None:
    with pytest.raises(AttributeError):
        graph.name = "other"  # type: ignore[misc]


def test_the_text_names_every_node_and_value() -> None:
    text = to_text(archc.load("fashion_mnist/lenet_bn").graph)
    assert text.splitlines()[0] == "graph lenet_bn (%0: (N, 1, 28, 28))"
    assert "# bn1" in text
    assert text.splitlines()[-1] == "  return fc3 = %16"
