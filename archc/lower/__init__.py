"""(Spec, definitions) to (Graph, diagnostics): the one place where what is written meets what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from archc.blocks.library import Library
from archc.diagnostics import Report, Span
from archc.ir.graph import Graph
from archc.ir.types import TensorType
from archc.lower import claims
from archc.lower.env import Env, Evaluator, Use
from archc.lower.expect import check_expectations
from archc.lower.frames import Flow, Frame, InitLayer, Namespace, Ref
from archc.lower.inputs import input_of, param_env
from archc.lower.stages import Lists
from archc.source import Tree
from archc.spec.model import Definition, Spec
from archc.spec.values import UNKNOWN, Bound

__all__ = ["lower"]


def lower(spec: Spec, overrides: Mapping[str, Tree], report: Report) -> Graph | None:
    """The graph of `spec` with params overridden, or None after a mistake; every mistake is in `report`.

    Raises Stop where a limit has been passed and reported.
    """
    rank = len(spec.input.axes) if spec.input else 0
    evaluator = Evaluator(report, rank)
    env = param_env(spec, overrides, evaluator)
    lists = Lists(Library(spec.blocks, report, spec.has_lost_blocks), evaluator, spec.defaults, env, rank)
    claims.check_defaults(spec.defaults, lists, env)
    if spec.init is not None:
        lists.inits.check_types(spec.init, env)
    claims.check_train(spec, env, evaluator)
    bounds = claims.budget_of(spec, env, evaluator)
    claims.check_blocks(spec, lists)
    graph = _network(spec, env, lists)
    _unused_blocks(spec, lists)
    if graph is None or len(report):
        return None
    claims.check_budget(bounds, graph, env, evaluator)
    claims.check_size(spec, graph, env, evaluator)
    return None if len(report) else graph


def _network(spec: Spec, env: Env, lists: Lists) -> Graph | None:
    input_ = input_of(spec.input, env, lists.evaluator) if spec.input else None
    span = spec.input.span if spec.input else Span(spec.file, 1, 1, 1, 1)
    partial = TensorType(None, (None,) * len(spec.input.axes)) if spec.input else None
    entry = Ref(lists.flow(input_.type if input_ else partial, span, ""), span)
    layers = (InitLayer(spec.init, env),) if spec.init else ()
    frame = lists.run(spec.stages, {"input": entry}, Namespace(), env, layers, {}, None)
    outputs = claims.outputs_of(spec, frame, env, lists.evaluator)
    lists.report_unused(frame, env)
    check_expectations(spec, lists, env)
    if input_ is None or len(lists.evaluator.report):
        return None
    types = cast(tuple[TensorType, ...], tuple(lists.types))
    return Graph(spec.name, input_, tuple(lists.nodes), tuple(lists.scopes), outputs, types, tuple(lists.order))


def _unused_blocks(spec: Spec, lists: Lists) -> None:
    """Definitions that nothing uses are checked as far as they can be."""
    for name, definition in spec.blocks.items():
        if name not in lists.used_blocks:
            _check_unused(definition, lists)


def _check_unused(definition: Definition, lists: Lists) -> None:
    """Lower a definition with unknown arguments and inputs; what it makes is thrown away."""
    bounds = {param.name: Bound(UNKNOWN, None) for param in definition.params}
    env = Env(bounds, is_open=definition.is_open, uses=(Use(None, definition.name),))
    inputs = {name: Ref(Flow(-1, None, definition.span, ""), definition.span) for name in definition.inputs}
    frame: Frame = lists.run(definition.stages, inputs, Namespace(f"{definition.name}."), env, (), {}, None)
    lists.close(frame, env)
