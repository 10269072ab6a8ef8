"""What a spec says of itself: outputs, definitions, `defaults`, free sizes."""

from __future__ import annotations

from archc.analysis.cost import parameters
from archc.blocks.torch_names import type_help
from archc.diagnostics import Span
from archc.ir.graph import Graph, Output
from archc.limits import MAX_PARAMETERS
from archc.lower.env import Env, Evaluator
from archc.lower.frames import Frame
from archc.lower.free_sizes import check_free_sizes
from archc.lower.names import check_renames
from archc.lower.stages import Lists
from archc.source import Mapping, Scalar, Sequence, Tree
from archc.spec.model import Definition, Spec
from archc.spec.params import suggestion
from archc.spec.values import UNKNOWN, BlockRef


def outputs_of(spec: Spec, frame: Frame, env: Env, evaluator: Evaluator) -> tuple[Output, ...]:
    """The network's results; an output whose stage `when` removed is removed too."""
    if not spec.outputs:
        name = frame.current.flow.maker.rpartition(".")[2]
        frame.current.use()
        if spec.has_lost_outputs:
            frame.excuse_all()
        return (Output(name if name.isidentifier() else "output", frame.current.flow.id),)
    found = []
    is_lost = False
    for output in spec.outputs:
        ref = frame.find(output.reference.name)
        if ref is None or output.reference.every:
            is_lost = True
            if output.reference.name and not spec.is_partial and not spec.has_lost_names:
                evaluator.fault(
                    "A0504",
                    f"output `{output.name}` names no stage of the spec's list",
                    output.reference.span,
                    env,
                    label="unknown stage",
                    help=suggestion(output.reference.name, frame.refs, "its stages are"),
                )
            for stage in frame.stages:
                stage.used = True
            continue
        ref.use()
        if ref.present:
            found.append(Output(output.name, ref.flow.id, output.training_only))
    if found and not is_lost and all(output.training_only for output in found):
        evaluator.fault(
            "A0504",
            "every output exists in training only",
            spec.outputs[0].reference.span,
            env,
            label="the network would give nothing",
            help="leave `only: training` out of one output",
        )
    if not found and not len(evaluator.report):
        evaluator.fault(
            "A0504",
            "no output is left",
            spec.outputs[0].reference.span,
            env,
            label="`when` removes its stage",
            help="name a stage that is always there",
        )
    return tuple(found)


def check_defaults(section: Mapping | None, lists: Lists, env: Env) -> None:
    """Every key of `defaults` is a type, every field one of its own, every value of the field's kind."""
    for type_, entry in section.entries.items() if section else ():
        found = lists.library.find(type_)
        if found is None:
            unknown_type(type_, entry.key.span, env, lists)
            continue
        if not isinstance(entry.value, Mapping):
            lists.evaluator.fault(
                "A0103",
                f"`defaults` of `{type_}` needs a mapping",
                entry.value.span,
                env,
                help="write `{field: value}`",
            )
            continue
        params = {param.name: param for param in found.params}
        fields = [*params, *(["names"] if isinstance(found, Definition) else [])]
        for key, field in entry.value.entries.items():
            if key in params:
                lists.evaluator.param(params[key], field.value, env.at(UNKNOWN))
            elif key == "names" and isinstance(found, Definition):
                names = lists.reader.mapping(field.value, "names")
                check_renames(found, lists.reader.renames(names), env, lists.evaluator)
            elif not (isinstance(found, Definition) and found.is_open):
                lists.evaluator.fault(
                    "A0101",
                    f"`{type_}` has no field `{key}`",
                    field.key.span,
                    env,
                    label="unknown field",
                    help=suggestion(
                        key, fields, "its fields are" if fields else "remove it", entry.value.beside(field.key)
                    ),
                )


def check_blocks(spec: Spec, lists: Lists) -> None:
    """No definition shadows a built-in type, and every plain default is one that its parameter takes."""
    for name, definition in spec.blocks.items():
        for param in definition.params:
            if isinstance(param.default, (Scalar, Sequence)) and _is_plain(param.default):
                value = lists.evaluator.param(param, param.default, Env()).value
                if isinstance(value, BlockRef) and lists.library.find(value.type) is None:
                    unknown_type(value.type, param.default.span, Env(), lists)
        if lists.library.is_built_in(name):
            lists.evaluator.fault(
                "A0110",
                f"`{name}` is a built-in type",
                definition.span,
                Env(),
                label="may not be defined again",
                help="give it another name",
            )


def _is_plain(tree: Tree) -> bool:
    """Whether there is no expression in a scalar or list."""
    if isinstance(tree, Sequence):
        return all(_is_plain(item) for item in tree.items)
    return isinstance(tree, Scalar) and not (isinstance(tree.value, str) and "$" in tree.value)


def unknown_type(name: str, span: Span, env: Env, lists: Lists) -> None:
    """Report a type that does not exist."""
    if lists.library.is_open:
        return
    lists.evaluator.fault(
        "A0105",
        f"there is no type `{name[:80]}`",
        span,
        env,
        label="unknown type",
        help=type_help(name, lists.library.names()),
    )


def check_size(spec: Spec, graph: Graph, env: Env, evaluator: Evaluator) -> None:
    """Free sizes must work; the whole must stay within what a machine can hold."""
    found = parameters(graph)
    if sum(found) > MAX_PARAMETERS:
        heaviest = graph.nodes[found.index(max(found))]
        message = f"the network has {sum(found):,} parameters, more than {MAX_PARAMETERS:,}"
        evaluator.fault("A0003", message, heaviest.span, env, help="narrow it", path=heaviest.path)
    spans = {axis.name: axis.span for axis in spec.input.axes} if spec.input else {}
    check_free_sizes(spans, graph, env, evaluator)
