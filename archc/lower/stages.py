"""Lists of stages to nodes: references, conditions, names, repeats, groups and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Final, NoReturn

from archc.blocks.library import Library
from archc.blocks.primitives import Primitive
from archc.diagnostics import Label, Span, Stop
from archc.ir.graph import Node, Scope
from archc.ir.types import TensorType
from archc.lower.arguments import Call
from archc.lower.arity import takes
from archc.lower.env import Env, Evaluator, Use
from archc.lower.frames import Flow, Frame, InitLayer, Namespace, Ref
from archc.lower.init import InitChecker
from archc.lower.names import check_renames, no_children, renames_of
from archc.lower.primitive import Primitives
from archc.lower.recovery import assume, respelt
from archc.lower.references import inputs_of, reference_span
from archc.source import Entry, Mapping, Scalar, Tree
from archc.spec.model import Definition, Stage
from archc.spec.params import Param, suggestion
from archc.spec.reader import Reader
from archc.spec.values import UNKNOWN, BlockRef, Unknown

MAX_NODES: Final = 10_000
MAX_STEPS: Final = 30_000
MAX_ELEMENTS: Final = 10**11
MAX_USES: Final = 32
MAX_DEPTH: Final = 64
NONE: Final[dict[int, Span]] = {}
REPEAT: Final = Param("repeat", "int", min=1, max=10_000)


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """An `expect`: what it says, and the value that it is about."""

    path: str
    tree: Tree
    value: int
    env: Env


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What a stage says besides its place in the list: type, fields, init, by which it is expanded once or many times."""

    stage: Stage
    type: Primitive | Definition | None
    """None for a group."""
    block: BlockRef | None
    """The block parameter that gave the type, if one did."""
    init: tuple[InitLayer, ...]


@dataclass(slots=True, eq=False)
class Lists:
    """Lowers lists of stages; holds what has been made so far."""

    library: Library
    evaluator: Evaluator
    defaults: Mapping | None
    spec_env: Env
    rank: int
    """Of the network's input: 0 for features, 2 for a picture."""
    has_lost_defaults: bool = False
    """Whether `defaults` may give fields that could not be read."""
    paths: dict[str, Tree] = field(default_factory=dict)
    """The spec's own claims about shapes, by path."""
    nodes: list[Node] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    types: list[TensorType | None] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    used_blocks: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    """The paths of stages of which nothing is known after a mistake."""
    misjoined: bool = False
    """Whether the stage at hand has a wrong number of inputs, so that it is not known which are meant."""
    steps: int = 0
    depth: int = 0
    reader: Reader = field(init=False)
    primitives: Primitives = field(init=False)
    inits: InitChecker = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.evaluator.report)
        self.primitives = Primitives(self.evaluator, self.rank)
        self.inits = InitChecker(self.evaluator, self.library)

    # -- values -----------------------------------------------------------------------------------------------------

    def flow(self, type_: TensorType | None, span: Span, maker: str) -> Flow:
        """A new value."""
        self.types.append(type_)
        return Flow(len(self.types) - 1, type_, span, maker)

    # -- a list -----------------------------------------------------------------------------------------------------

    def run(
        self,
        stages: Sequence[Stage],
        inputs: dict[str, Ref],
        space: Namespace,
        env: Env,
        init: tuple[InitLayer, ...],
        renames: dict[str, Entry],
        outer: Frame | None,
        is_open: bool = False,
    ) -> Frame:
        """Lower `stages` in order; the frame's `current` is what leaves the list."""
        if self.depth >= MAX_DEPTH:
            self.stop(f"lists of stages are nested deeper than {MAX_DEPTH}", stages[0].span, env, "use fewer levels")
        self.depth += 1
        stages = [respelt(stage, self, env) if stage.respelt is not None else stage for stage in stages]
        names = frozenset(str(stage.name.value) for stage in stages if stage.name is not None)
        lost = any(stage.has_lost_name for stage in stages)
        frame = Frame(
            inputs, names, outer, is_open=is_open or (outer is not None and outer.is_open), has_lost_names=lost
        )
        for stage in stages:
            self.stage(stage, frame, space, env, init, renames)
        self.depth -= 1
        return frame

    def stop(self, message: str, span: Span, env: Env, help: str = "use fewer copies", path: str = "") -> NoReturn:
        """Report a limit that the network passes, and go no further."""
        self.evaluator.fault("A0003", message, span, env, help=help, path=path)
        raise Stop

    def close(self, frame: Frame, env: Env) -> Flow:
        """The list's output, once the stages that nothing takes are reported."""
        frame.current.use()
        self.report_unused(frame, env)
        return frame.current.flow

    def report_unused(self, frame: Frame, env: Env) -> None:
        """Report the stages of a list that nothing takes."""
        if frame.is_open and frame.outer is None:
            return
        for ref in frame.stages:
            if ref.present and not ref.used:
                self.evaluator.fault(
                    "A0403",
                    "nothing uses this stage's output",
                    ref.span,
                    env,
                    label="its output goes nowhere",
                    path=ref.flow.maker,
                    help="name it in a later stage's `from` or in `outputs`, or remove it",
                )
                ref.used = True

    def stage(
        self,
        stage: Stage,
        frame: Frame,
        space: Namespace,
        env: Env,
        init: tuple[InitLayer, ...],
        renames: dict[str, Entry],
    ) -> None:
        """Lower one stage of a list."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            self.stop(f"the network has more than {MAX_STEPS} stages", stage.span, env)
        given = inputs_of(stage, frame, env, self.evaluator)
        flows = [one.flow for one in given]
        local = self.local_env(env, flows)
        name = str(stage.name.value) if stage.name is not None and "$" not in str(stage.name.value) else None
        if self.is_absent(stage, local):
            flow = replace(flows[0], absent=self.evaluator.value(stage.when, local).origin if stage.when else None)
            frame.add(Ref(flow, stage.span, (flow,), present=False, stands_for=given[0].ref), name)
            return
        unit = None if stage.faulty else self.unit(stage, local, init)
        if unit is None:
            path = self.path(stage, space, replace(local, index=local.index or 0), renames)
            self.broken.add(path)
            ref = Ref(self.flow(None, stage.span, path), stage.span, used=True)
            frame.add(ref, name)
            assume(stage, ref, self, local)
            return
        self.place(unit, flows, frame, space, local, renames, name)
        if self.misjoined:
            frame.excuse_all()
            self.misjoined = False
        if frame.last is not None and not (frame.last.flow.type and frame.last.flow.type.is_known):
            assume(stage, frame.last, self, local)
        if stage.expect is not None and frame.last is not None and frame.last.flow.type is not None:
            self.claims.append(Claim(frame.last.flow.maker, stage.expect, frame.last.flow.id, local))

    def local_env(self, env: Env, flows: Sequence[Flow]) -> Env:
        """The scope with `in_channels` as it is at a stage."""
        if len(flows) > 1:
            return env.at(None, "on a stage with several inputs")
        type_ = flows[0].type
        return env.at(UNKNOWN if type_ is None or type_.channels is None else type_.channels)

    # -- what a stage is --------------------------------------------------------------------------------------------

    def is_absent(self, stage: Stage, env: Env) -> bool:
        """Whether `when` or a block parameter of `none` removes the stage."""
        if stage.when is not None:
            condition = self.evaluator.value(stage.when, env).value
            if not isinstance(condition, (bool, Unknown)):
                self.evaluator.fault(
                    "A0103",
                    "`when` needs a bool",
                    stage.when.span,
                    env,
                    label="not a condition",
                    help="write a comparison",
                )
            if condition is False:
                return True
        return stage.type is not None and self.evaluator.value(stage.type, env).value in (None, "none")

    def unit(self, stage: Stage, env: Env, init: tuple[InitLayer, ...]) -> Unit | None:
        """What the stage expands to; None after a mistake."""
        if stage.when is not None and not isinstance(self.evaluator.value(stage.when, env).value, bool):
            return None
        if stage.type is None:
            own = (self.init_layer(stage.init, env),) if stage.init is not None else ()
            no_children(stage, "a group", env, self.evaluator)
            return Unit(stage, None, None, (*init, *own))
        bound = self.evaluator.value(stage.type, env)
        block = bound.value if isinstance(bound.value, BlockRef) else None
        name = block.type if block else bound.value
        if not isinstance(name, str):
            return None
        found = self.library.find(name, stage.span.file.shipped)
        if found is None and self.library.is_open:
            return None
        if found is None:
            span = block.span if block else stage.type.span
            self.evaluator.fault(
                "A0105",
                f"there is no type `{name[:80]}`",
                span,
                env,
                origin=None if block else bound.origin,
                group=name,
                label="unknown type",
                help=suggestion(name, self.library.names(), "see `archc blocks`"),
            )
            return None
        if isinstance(found, Definition) and stage.init is not None:
            init = (*init, self.init_layer(stage.init, env))
        unit = Unit(stage, found, block, init)
        if self.call(unit, name, env, "").report_misspelt(found.params):
            return None
        if not isinstance(found, Definition):
            no_children(stage, f"`{name}`", env, self.evaluator)
        return unit

    def init_layer(self, tree: Mapping, env: Env) -> InitLayer:
        """The `init` of a group or block, its types and tensors checked."""
        self.inits.check_types(tree, env)
        return InitLayer(tree, env)

    # -- names and copies -------------------------------------------------------------------------------------------

    def place(
        self,
        unit: Unit,
        flows: list[Flow],
        frame: Frame,
        space: Namespace,
        env: Env,
        renames: dict[str, Entry],
        name: str | None,
    ) -> None:
        """Give the stage its path, or its copies theirs, and lower them."""
        stage = unit.stage
        if stage.repeat is None:
            if stage.inline and isinstance(unit.type, Primitive):
                self.evaluator.fault(
                    "A0109",
                    "`inline` has no effect here",
                    stage.span,
                    env,
                    label="one op, whose level is its name",
                    help="remove `inline`, or add `repeat`",
                )
            if stage.inline and not isinstance(unit.type, Primitive):
                flow = self.body(unit, space.prefix, flows, env, space, frame)
            else:
                path = self.path(stage, space, env, renames)
                flow = self.expand(unit, path, flows, env, frame)
            frame.add(Ref(flow, stage.span, (flow,)), name)
            return
        count = self.evaluator.param(REPEAT, stage.repeat, env).value
        if not isinstance(count, int):
            self.first_copy(unit, flows, frame, self.path(stage, space, replace(env, index=0), renames), env, name)
        elif stage.inline:
            self.inline_copies(unit, count, flows, frame, space, env, renames)
        else:
            self.copies(unit, count, flows, frame, self.path(stage, space, env, renames), env, name)

    def copies(
        self, unit: Unit, count: int, flows: list[Flow], frame: Frame, path: str, env: Env, name: str | None
    ) -> None:
        """`repeat`: a level `0, 1, ...` below the stage's path."""
        type_ = unit.type.name if unit.type is not None else ""
        at = self.enter(path, "repeat", type_, flows, unit.stage.span, ("input",))
        if len(flows) > 1:
            self.refuse_repeat(unit, flows, env, path)
            count = 1
        made: list[Flow] = []
        for index in range(count):
            given = [made[-1]] if made else flows
            made.append(self.expand(unit, f"{path}.{index}", given, self.copy_env(env, index, given), frame))
        self.leave(at, made[-1])
        frame.add(Ref(replace(made[-1], maker=path), unit.stage.span, tuple(made)), name)

    def refuse_repeat(self, unit: Unit, flows: Sequence[Flow], env: Env, path: str) -> None:
        """Report a repeat of what takes several inputs: each copy gives one."""
        self.evaluator.fault(
            "A0405",
            "a stage with several inputs cannot repeat",
            unit.stage.from_[0].span if unit.stage.from_ else unit.stage.span,
            env,
            label=f"{len(flows)} enter the first copy, one leaves it for the next",
            help="put it in a group whose copies take one input",
            path=path,
        )

    def first_copy(self, unit: Unit, flows: list[Flow], frame: Frame, path: str, env: Env, name: str | None) -> None:
        """A repeat whose count is not known: its first copy is checked, nothing is known of its output."""
        self.broken.add(path)
        self.enter(path, "repeat", "", flows, unit.stage.span, ("input",))
        self.expand(unit, f"{path}.0", flows, self.copy_env(env, 0, flows), frame)
        frame.add(Ref(self.flow(None, unit.stage.span, path), unit.stage.span, used=True), name)

    def copy_env(self, env: Env, index: int, given: Sequence[Flow]) -> Env:
        """The scope of one copy: `i`, and what arrives at it."""
        return replace(self.local_env(env, given), index=index)

    def inline_copies(
        self,
        unit: Unit,
        count: int,
        flows: list[Flow],
        frame: Frame,
        space: Namespace,
        env: Env,
        renames: dict[str, Entry],
    ) -> None:
        """`repeat` with `inline`: copies of a block or a named group join the list; the children of unnamed groups do."""
        stage = unit.stage
        if stage.name is not None and "$" not in str(stage.name.value):
            self.evaluator.fault(
                "A0107",
                f"every copy would be called `{stage.name.value}`",
                stage.name.span,
                env,
                label="the name of an inline repeat uses `i`",
                help=f'write "{stage.name.value}${{i}}", or leave the name out',
            )
            frame.add(Ref(self.flow(None, stage.span, ""), stage.span, used=True), None)
            return
        made: list[Flow] = []
        for index in range(count):
            given = [made[-1]] if made else flows
            local = self.copy_env(env, index, given)
            if stage.name is None and unit.type is None:
                flow = self.body(unit, space.prefix, given, local, space, frame)
                label = None
            else:
                path = self.path(stage, space, local, renames)
                flow = self.expand(unit, path, given, local, frame)
                label = path.rpartition(".")[2] if stage.name is not None else None
            made.append(flow)
            frame.add(Ref(flow, stage.span, (flow,), used=index + 1 < count), label)

    def path(self, stage: Stage, space: Namespace, env: Env, renames: dict[str, Entry]) -> str:
        """The path of the next child of a module: its name, or its number."""
        name = str(space.place)
        space.place += 1
        if stage.name is not None:
            name, span = str(stage.name.value), stage.name.span
            if name in renames:
                new = renames[name].value
                name, span = str(new.value) if isinstance(new, Scalar) else name, new.span
            elif "$" in name:
                value = self.evaluator.value(stage.name, env).value
                name = str(value) if isinstance(value, (str, int)) else f"_{space.place}"
            self.reader.check_name(name, span, number=name != str(stage.name.value))
        else:
            span = stage.span
        if name in space.taken:
            first = Label(space.taken[name], "first used here")
            self.evaluator.fault(
                "A0108",
                f"two stages are called `{space.prefix}{name}`",
                span,
                env,
                label="used again here",
                labels=(first,),
                help="rename one of the two",
            )
            name = f"{name}_{space.place}"
        space.taken[name] = span
        return space.prefix + name

    # -- modules ----------------------------------------------------------------------------------------------------

    def enter(self, path: str, kind: str, type_: str, flows: Sequence[Flow], span: Span, names: tuple[str, ...]) -> int:
        """Begin a scope; its output follows in `leave`."""
        inputs = tuple(flow.id for flow in flows)
        self.scopes.append(Scope(path, kind, type_, inputs, -1, span, names))  # type: ignore[arg-type]
        self.order.append(path)
        return len(self.scopes) - 1

    def leave(self, at: int, flow: Flow) -> None:
        """End a scope."""
        self.scopes[at] = replace(self.scopes[at], output=flow.id)

    def expand(self, unit: Unit, path: str, flows: list[Flow], env: Env, frame: Frame) -> Flow:
        """One module at `path`: a node, or a scope with what is in it."""
        if isinstance(unit.type, Primitive):
            return self.node(unit, unit.type, path, flows, env)
        kind, type_ = ("group", "") if unit.type is None else ("block", unit.type.name)
        names = ("input",) if unit.type is None else unit.type.inputs
        at = self.enter(path, kind, type_, flows, unit.stage.span, names)
        flow = self.body(unit, path + ".", flows, env, Namespace(path + "."), frame)
        self.leave(at, flow)
        return replace(flow, maker=path, span=unit.stage.span)

    def body(self, unit: Unit, prefix: str, flows: list[Flow], env: Env, space: Namespace, frame: Frame) -> Flow:
        """The stages of a group or block, in the namespace that they are to join."""
        path = prefix.rstrip(".")
        if unit.type is None:
            if not self.takes(None, unit.stage, flows, env, path):
                self.broken.add(path)
                return self.flow(None, unit.stage.span, path)
            inputs = {"input": Ref(flows[0], unit.stage.span)}
            inner = self.run(unit.stage.stages or (), inputs, space, env, unit.init, {}, frame)
            return self.close(inner, env)
        assert isinstance(unit.type, Definition)
        return self.block(unit, unit.type, path, flows, env, space)

    def takes(
        self, type_: Primitive | Definition | None, stage: Stage, flows: Sequence[Flow], env: Env, path: str
    ) -> bool:
        """Whether the stage takes so many inputs; reported, and remembered for its list, if not."""
        fits = takes(type_, stage, flows, env, self.evaluator, path)
        self.misjoined = not fits
        return fits

    def call(self, unit: Unit, type_: str, env: Env, path: str) -> Call:
        """One use of a type, with all that can give its fields."""
        defaults = self.defaults.get(type_) if self.defaults is not None else None
        common = defaults if isinstance(defaults, Mapping) else None
        lost = self.has_lost_defaults or (defaults is not None and common is None)
        return Call(self.evaluator, type_, unit.stage, unit.block, common, self.spec_env, env, path, is_open=lost)

    def block(
        self, unit: Unit, definition: Definition, path: str, flows: list[Flow], env: Env, space: Namespace
    ) -> Flow:
        """One use of a definition: its parameters bound, its stages lowered in a scope of their own."""
        stage = unit.stage
        self.used_blocks.add(definition.name)
        if definition.name in [use.block for use in env.uses]:
            self.evaluator.fault(
                "A0111",
                f"block `{definition.name}` contains itself",
                stage.span,
                replace(env, uses=()),
                label="used here again",
                help="break the circle",
            )
            self.broken.add(path)
            return self.flow(None, stage.span, path)
        if len(env.uses) >= MAX_USES:
            self.stop(
                f"blocks are nested deeper than {MAX_USES}", stage.span, replace(env, uses=()), "use fewer levels"
            )
        if not self.takes(definition, stage, flows, env, path):
            self.broken.add(path)
            return self.flow(None, stage.span, path)
        call = self.call(unit, definition.name, self.first_env(env, flows), path)
        arguments = call.bind(definition.params, definition.is_open)
        check_renames(definition, stage.names, env, self.evaluator, path)
        bounds = {name: bound for name, (bound, _) in arguments.items()}
        if stage.args.keys() - bounds.keys():
            bounds |= call.aliases(arguments)
        passed = (
            {flow.id: reference_span(stage, at, len(flows)) for at, flow in enumerate(flows)} if stage.from_ else NONE
        )
        use = Use(stage.span, definition.name, passed)
        inner_env = Env(bounds, is_open=definition.is_open, uses=(*env.uses, use))
        inputs = {name: Ref(flow, stage.span) for name, flow in zip(definition.inputs, flows, strict=True)}
        inner = self.run(
            definition.stages,
            inputs,
            space,
            inner_env,
            unit.init,
            renames_of(stage, definition.name, self.defaults),
            None,
        )
        for name, ref in inputs.items():
            if not ref.used and name != "input":
                self.evaluator.fault(
                    "A0403",
                    f"nothing uses the input `{name}` of `{definition.name}`",
                    definition.span,
                    inner_env,
                    help="use it, or remove it from `inputs`",
                )
        return self.close(inner, inner_env)

    def first_env(self, env: Env, flows: Sequence[Flow]) -> Env:
        """A block's parameters see the channels of its first input."""
        first = self.local_env(env, flows[:1])
        return replace(first, index=env.index)

    # -- primitives -------------------------------------------------------------------------------------------------

    def node(self, unit: Unit, primitive: Primitive, path: str, flows: list[Flow], env: Env) -> Flow:
        """One primitive."""
        stage = unit.stage
        arguments = self.call(unit, primitive.name, env, path).bind(primitive.params)
        if not self.takes(primitive, stage, flows, env, path):
            self.broken.add(path)
            return self.flow(None, stage.span, path)
        op, type_ = self.primitives.build(primitive, stage, arguments, flows, env, path)
        if type_ is not None and prod(size for size in type_.dims if size is not None) > MAX_ELEMENTS:
            message = f"a value has more than {MAX_ELEMENTS:,} elements"
            self.stop(message, stage.span, env, "use fewer channels or rows", path)
        flow = self.flow(type_, stage.span, path)
        if op is None:
            self.broken.add(path)
            return flow
        if len(self.nodes) >= MAX_NODES:
            self.stop(f"the network has more than {MAX_NODES} ops", stage.span, env, path=path)
        inits = self.inits.of(primitive, op, stage.init, unit.init, env, path)
        self.nodes.append(Node(path, op, tuple(f.id for f in flows), flow.id, stage.span, primitive.name, inits))
        self.order.append(path)
        return flow
