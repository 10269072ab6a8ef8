"""(Spec, definitions) to (Graph, diagnostics): the one place where what is written meets what is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from archc.blocks.library import Library
from archc.diagnostics import Report, Span
from archc.ir.graph import Graph
from archc.ir.types import TensorType
from archc.lower import claims
from archc.lower.absent import check_absent
from archc.lower.env import Env, Evaluator, Use
from archc.lower.expect import check_expectations
from archc.lower.frames import Flow, Frame, InitLayer, Namespace, Ref
from archc.lower.inputs import input_of, param_env
from archc.lower.record import Record, Site
from archc.lower.stages import Lists
from archc.source import Tree
from archc.spec.model import Definition, Spec
from archc.spec.values import UNKNOWN, Bound

if TYPE_CHECKING:
    from archc.lower.budget import Budget
    from archc.lower.train import Train

__all__ = ["Record", "Site", "lower"]


def lower(spec: Spec, overrides: Mapping[str, Tree], report: Report, record: Record | None = None) -> Graph | None:
    """The graph of `spec` with params overridden, or None after a mistake; every mistake is in `report`.

    `record` is told where each node came from. Raises Stop where a limit has been passed and reported.
    """
    rank = len(spec.input.axes) if spec.input and not spec.is_partial else 0
    evaluator = Evaluator(report, rank)
    env = param_env(spec, overrides, evaluator)
    library = Library(spec.blocks, report, spec.has_lost_blocks)
    lists = Lists(
        library=library,
        evaluator=evaluator,
        defaults=spec.defaults,
        spec_env=env,
        rank=rank,
        has_lost_defaults=spec.has_lost_defaults,
    )
    aliases = _aliases_of(spec, env, evaluator)
    lists.paths = {path: entry.value for path, entry in spec.expect.entries.items()} if spec.expect else {}
    claims.check_defaults(spec.defaults, lists, env)
    if spec.init is not None:
        lists.inits.check_types(spec.init, env)
    train = _train_of(spec, env, evaluator)
    budget = _budget_of(spec, env, evaluator)
    claims.check_blocks(spec, lists)
    graph = _network(spec, env, lists, train, aliases)
    if record is not None:
        record.keep(lists.sites, lists.used_blocks, lists.library)
        record.train, record.params = train, env.bounds
    _unused_blocks(spec, lists)
    check_absent(spec, lists)
    if graph is None or len(report):
        return None
    if budget is not None:
        budget.check(graph, env, evaluator)
    claims.check_size(spec, graph, env, evaluator)
    if aliases:
        from archc.lower.aliases import check_aliases

        check_aliases(spec, graph, env, evaluator)
    return None if len(report) else graph


# What few specs have is imported where one has it: a check is over in the time that these modules take to load.


def _train_of(spec: Spec, env: Env, evaluator: Evaluator) -> Train | None:
    if spec.train is None:
        return None
    from archc.lower.train import read_train

    return read_train(spec.train, env, evaluator)


def _budget_of(spec: Spec, env: Env, evaluator: Evaluator) -> Budget | None:
    if spec.budget is None:
        return None
    from archc.lower.budget import budget_of

    return budget_of(spec.budget, env, evaluator)


def _aliases_of(spec: Spec, env: Env, evaluator: Evaluator) -> tuple[tuple[str, str], ...]:
    if spec.aliases is None:
        return ()
    from archc.lower.aliases import aliases_of

    return aliases_of(spec, env, evaluator)


def _network(
    spec: Spec, env: Env, lists: Lists, train: Train | None, aliases: tuple[tuple[str, str], ...]
) -> Graph | None:
    input_ = input_of(spec.input, env, lists.evaluator) if spec.input else None
    span = spec.input.span if spec.input else Span(spec.file, 1, 1, 1, 1)
    partial = TensorType(None, (None,) * len(spec.input.axes)) if spec.input else None
    if spec.is_partial:
        partial = None
    known = input_.type if input_ and not spec.is_partial else partial
    entry = Ref(lists.flow(known, span, ""), span)
    layers = (InitLayer(spec.init, env),) if spec.init else ()
    frame = lists.run(spec.stages, {"input": entry}, Namespace(), env, layers, {}, None, is_open=spec.is_partial)
    outputs = claims.outputs_of(spec, frame, env, lists.evaluator)
    lists.report_unused(frame, env)
    check_expectations(spec, lists, env)
    graph = None
    if input_ is not None and not len(lists.evaluator.report):
        types = cast(tuple[TensorType, ...], tuple(lists.types))
        nodes, scopes, order = tuple(lists.nodes), tuple(lists.scopes), tuple(lists.order)
        graph = Graph(spec.name, input_, nodes, scopes, outputs, types, order, aliases)
    if train is not None and input_ is not None:
        from archc.lower.ends import View, check_ends

        parts = (lists.nodes, lists.scopes, outputs, lists.types, lists.sites)
        check_ends(train, View(lists.evaluator, env, spec, input_, *parts, graph))
    return graph


def _unused_blocks(spec: Spec, lists: Lists) -> None:
    """Definitions that nothing uses are checked as far as they can be."""
    for name, definition in spec.blocks.items():
        if name not in lists.used_blocks and definition.inputs:
            _check_unused(definition, lists)


def _check_unused(definition: Definition, lists: Lists) -> None:
    """Lower a definition with unknown arguments and inputs; what it makes is thrown away."""
    bounds = {param.name: Bound(UNKNOWN, None) for param in definition.params}
    env = Env(bounds, is_open=definition.is_open, uses=(Use(None, definition.name),))
    inputs = {name: Ref(Flow(-1, None, definition.span, ""), definition.span) for name in definition.inputs}
    frame: Frame = lists.run(definition.stages, inputs, Namespace(f"{definition.name}."), env, (), {}, None)
    lists.close(frame, env)
