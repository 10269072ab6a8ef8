"""What a spec says of itself: outputs, budgets, free sizes, `defaults`, `init` and `train`."""

from __future__ import annotations

from archc.analysis.cost import costs, peak_activation_bytes
from archc.analysis.sizes import refused_sizes
from archc.diagnostics import Label, Span
from archc.ir.graph import Graph, Output
from archc.lower.env import Env, Evaluator
from archc.lower.frames import Frame
from archc.lower.names import check_renames
from archc.lower.stages import Lists
from archc.source import Mapping, Scalar, Sequence, Tree
from archc.spec.model import Definition, Spec
from archc.spec.params import Param, nearest, suggestion
from archc.spec.train import FIELDS, REQUIRED, SECTIONS
from archc.spec.values import UNKNOWN, BlockRef

MAX_PARAMETERS = 10**11
MEASURES = ("parameters", "macs", "file_size", "activation_memory")


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
                    help=suggestion(key, fields, "its fields are" if fields else "remove it"),
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
        help=suggestion(name, lists.library.names(), "see `archc blocks`"),
    )


def budget_of(spec: Spec, env: Env, evaluator: Evaluator) -> dict[str, tuple[float, Span]]:
    """The bounds of `budget`, each with its place."""
    bounds = {}
    for key, entry in spec.budget.entries.items() if spec.budget else ():
        if key not in MEASURES:
            evaluator.fault(
                "A0101",
                f"`budget` has no field `{key}`",
                entry.key.span,
                env,
                label="unknown field",
                help=suggestion(key, MEASURES, "its fields are"),
            )
            continue
        bound = evaluator.param(Param(key, "float", min=0), entry.value, env).value
        if isinstance(bound, float):
            bounds[key] = bound, entry.value.span
    return bounds


def check_budget(bounds: dict[str, tuple[float, Span]], graph: Graph, env: Env, evaluator: Evaluator) -> None:
    """Compare each bound of `budget` with what the network costs, and name the stages that cost most."""
    if not bounds:
        return
    found = costs(graph)
    rows = [item.path for item in graph.children()]
    measures = {
        "parameters": (found[""].parameters, {path: found[path].parameters for path in rows}),
        "macs": (found[""].macs, {path: found[path].macs for path in rows}),
        "file_size": (found[""].bytes, {path: found[path].bytes for path in rows}),
        "activation_memory": (peak_activation_bytes(graph), {}),
    }
    for key, (bound, span) in bounds.items():
        actual, parts = measures[key]
        if actual > bound:
            most = sorted(parts.items(), key=lambda part: -part[1])[:3]
            notes = ("most in " + ", ".join(f"`{path}` ({count:,})" for path, count in most),) if most else ()
            evaluator.fault(
                "A0506",
                f"the network exceeds its budget of {key}",
                span,
                env,
                label=f"declared {bound:,.0f}, inferred {actual:,}",
                notes=notes,
                help="narrow or drop stages, or raise the budget",
            )


def check_size(spec: Spec, graph: Graph, env: Env, evaluator: Evaluator) -> None:
    """Free sizes must work; the whole must stay within what a machine can hold."""
    found = costs(graph)
    heaviest = max(graph.nodes, key=lambda node: found[node.path].parameters, default=None)
    if heaviest is not None and found[""].parameters > MAX_PARAMETERS:
        message = f"the network has {found[''].parameters:,} parameters, more than {MAX_PARAMETERS:,}"
        evaluator.fault("A0003", message, heaviest.span, env, help="narrow it", path=heaviest.path)
    spans = {axis.name: axis.span for axis in spec.input.axes} if spec.input else {}
    for axis, fault in refused_sizes(graph):
        size = fault.sizes[[one.name for one in graph.input.axes].index(axis.name)]
        spot: Span = fault.node.span
        labels = (Label(spot, "refuses it"),) if not spot.file.shipped else ()
        why = f"at `{fault.node.path}`: {fault.violation.message}" + (
            f", {fault.violation.label}" if fault.violation.label else ""
        )
        evaluator.fault(
            "A0312",
            f"{axis.name} {size} is allowed, but the network does not take it",
            spans[axis.name],
            env,
            label=f"allows {size}",
            labels=labels,
            notes=(why,),
            help=fault.violation.help
            if fault.violation.code == "A0312"
            else "raise `min`, or give the axis a `multiple_of` that all branches share",
        )


def check_train(spec: Spec, env: Env, evaluator: Evaluator) -> None:
    """`train:` has the fields that a run needs, each of its kind."""
    if spec.train is None:
        return
    known = [*FIELDS, *SECTIONS]
    given = {*spec.train.entries, *(nearest(key, known) for key in spec.train.entries if key not in known)}
    for key, entry in spec.train.entries.items():
        if key in FIELDS:
            evaluator.param(FIELDS[key], entry.value, env)
        elif key in SECTIONS:
            _section(key, entry.value, env, evaluator)
        else:
            evaluator.fault(
                "A0101",
                f"`train` has no field `{key}`",
                entry.key.span,
                env,
                label="unknown field",
                help=suggestion(key, known, "its fields are"),
            )
    missing = [key for key in REQUIRED if key not in given]
    if missing:
        names = " and no ".join(f"`{key}`" for key in missing)
        help = "add " + ", ".join(f"`{key}:`" for key in missing)
        evaluator.fault("A0102", f"`train` has no {names}", spec.train.span, env, help=help)


def _section(name: str, tree: Tree, env: Env, evaluator: Evaluator) -> None:
    types = SECTIONS[name]
    type_ = tree.get("type") if isinstance(tree, Mapping) else None
    if isinstance(type_, Scalar) and type_.faulty:
        return
    if not isinstance(tree, Mapping) or not isinstance(type_, Scalar):
        evaluator.fault(
            "A0102", f"`{name}` has no `type`", tree.span, env, help=f"write `{{type: {next(iter(types))}, ...}}`"
        )
        return
    if type_.value not in types:
        evaluator.fault(
            "A0104",
            f"`{name}` has no type `{type_.value}`",
            type_.span,
            env,
            label="unknown type",
            help=suggestion(str(type_.value), types, "its types are"),
        )
        return
    params = {param.name: param for param in types[str(type_.value)]}
    given = {*tree.entries, *(nearest(key, params) for key in tree.entries if key not in params)}
    for key, entry in tree.entries.items():
        if key in params:
            evaluator.param(params[key], entry.value, env)
        elif key != "type":
            evaluator.fault(
                "A0101",
                f"`{type_.value}` has no field `{key}`",
                entry.key.span,
                env,
                label="unknown field",
                help=suggestion(key, params, "its fields are"),
            )
    missing = [param for key, param in params.items() if param.required and key not in given]
    if missing:
        names = " and ".join(f"`{param.name}`" for param in missing)
        help = "add " + ", ".join(f"`{param.name}:` ({param.doc})" for param in missing)
        evaluator.fault("A0102", f"`{type_.value}` needs {names}", type_.span, env, help=help)
