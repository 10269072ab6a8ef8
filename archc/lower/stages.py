"""Lists of stages to nodes: references, conditions, names, repeats, groups and blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Final

from archc.blocks.primitives import Primitive
from archc.diagnostics import Label, Span
from archc.ir.graph import Node
from archc.limits import MAX_LISTS, MAX_OPS, MAX_REPEAT, MAX_USES, MAX_VALUE
from archc.lower.arguments import Arguments
from archc.lower.arity import takes
from archc.lower.bounded import Bounded
from archc.lower.env import Env, Use
from archc.lower.frames import Claim, Flow, Frame, InitLayer, Namespace, Ref, Seen
from archc.lower.init import InitChecker
from archc.lower.made import Passage, Repeat
from archc.lower.names import check_renames, renames_of
from archc.lower.primitive import Primitives
from archc.lower.record import Site
from archc.lower.recovery import assume, respelt
from archc.lower.references import inputs_of, reference_span
from archc.lower.units import Unit, Units
from archc.source import Entry, Mapping, Scalar, Tree
from archc.spec.model import Definition, Stage
from archc.spec.params import Param
from archc.spec.reader import Reader
from archc.spec.values import UNKNOWN

WORK: Final = 60
"""What one group or one use of a block counts, in parts of an expression."""
NONE: Final[dict[int, Span]] = {}
REPEAT: Final = Param("repeat", "int", min=1, max=MAX_REPEAT)


@dataclass(slots=True, eq=False, kw_only=True)
class Lists(Bounded):
    """Lowers lists of stages to what is made."""

    defaults: Mapping | None
    spec_env: Env
    rank: int
    """Of the network's input: 0 for features, 2 for a picture."""
    has_lost_defaults: bool = False
    """Whether `defaults` may give fields that could not be read."""
    paths: dict[str, Tree] = field(default_factory=dict)
    """The spec's own claims about shapes, by path."""
    used_blocks: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    """The paths of stages of which nothing is known after a mistake."""
    misjoined: bool = False
    """Whether the stage at hand has a wrong number of inputs, so that it is not known which are meant."""
    seen: Seen = field(default_factory=Seen)
    depth: int = 0
    reader: Reader = field(init=False)
    primitives: Primitives = field(init=False)
    inits: InitChecker = field(init=False)
    units: Units = field(init=False)

    def __post_init__(self) -> None:
        Bounded.__post_init__(self)
        self.reader = Reader(self.evaluator.report)
        self.primitives = Primitives(self.evaluator, self.rank)
        self.inits = InitChecker(self.evaluator, self.library)
        self.units = Units(
            self.library, self.evaluator, self.defaults, self.spec_env, self.inits, self.has_lost_defaults
        )

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
        if self.depth >= MAX_LISTS:
            self.stop(f"lists of stages are nested deeper than {MAX_LISTS}", stages[0].span, env, "use fewer levels")
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
        self.step(stage, env)
        given = inputs_of(stage, frame, env, self.evaluator)
        flows = [one.flow for one in given]
        local = at_stage(env, flows)
        name = str(stage.name.value) if stage.name is not None and "$" not in str(stage.name.value) else None
        unit = self.units.again(stage, init)
        is_there = self.units.is_there(stage, local) if unit is None or stage.when is not None else True
        if is_there is False:
            flow = replace(flows[0], absent=self.evaluator.value(stage.when, local).origin if stage.when else None)
            frame.add(Ref(flow, stage.span, (flow,), present=False, stands_for=given[0].ref), name)
            return
        if is_there is None or stage.faulty:
            unit = None
        elif unit is None:
            unit = self.units.of(stage, local, init)
        if unit is None:
            path = self.path(stage, space, replace(local, index=local.index or 0), renames)
            self.broken.add(path)
            ref = Ref(self.flow(None, stage.span, path), stage.span, used=True)
            frame.add(ref, name)
            assume(stage, ref, self, local)
            return
        self.seen.note(stage, unit.block)
        self.place(unit, flows, frame, space, local, renames, name)
        if self.misjoined:
            frame.excuse_all()
            self.misjoined = False
        if frame.last is not None and not (frame.last.flow.type and frame.last.flow.type.is_known):
            assume(stage, frame.last, self, local)
        if stage.expect is not None and frame.last is not None and frame.last.flow.type is not None:
            self.claims.append(Claim(frame.last.flow.maker, stage.expect, frame.last.flow.id, local))

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
            self.check_room(unit, 1, stage.span, env)
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
            return
        self.check_room(unit, count, stage.repeat.span, env)
        if stage.inline:
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
        repeat = self.begin(unit, count, path, env)
        for index in range(count):
            given = [made[-1]] if made else flows
            since, before = self.mark(), self.evaluator.report.given
            self.step(unit.stage, env)
            made.append(self.expand(unit, f"{path}.{index}", given, copy_env(env, index, given), frame))
            repeat.copied(len(self.nodes))
            is_known = self.evaluator.report.given == before and not self.broken
            if index and is_known and made[-1].type == given[0].type and not unit.varies:
                made += self.other_copies(repeat, Passage(since, self.mark(), given[0], made[-1]), count - index - 1)
                break
        self.repeats.pop()
        self.leave(at, made[-1])
        frame.add(Ref(replace(made[-1], maker=path), unit.stage.span, tuple(made)), name)

    def other_copies(self, repeat: Repeat, last: Passage, count: int) -> list[Flow]:
        """The copies that are left of a repeat whose copies give what they take: all as the last one."""
        repeat.rest = count * last.ops
        self.make_room(last, count, repeat.span, repeat.env, repeat.path)
        made = [last.flow]
        for index in range(repeat.count - count, repeat.count):
            made.append(self.again(last, made[-1], f"{repeat.path}.{index}"))
        return made[1:]

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
        self.expand(unit, f"{path}.0", flows, copy_env(env, 0, flows), frame)
        frame.add(Ref(self.flow(None, unit.stage.span, path), unit.stage.span, used=True), name)

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
        repeat = self.begin(unit, count, space.prefix.rstrip("."), env)
        for index in range(count):
            self.step(stage, env)
            given = [made[-1]] if made else flows
            local = copy_env(env, index, given)
            if stage.name is None and unit.type is None:
                flow = self.body(unit, space.prefix, given, local, space, frame)
                label = None
            else:
                path = self.path(stage, space, local, renames)
                flow = self.expand(unit, path, given, local, frame)
                label = path.rpartition(".")[2] if stage.name is not None else None
            made.append(flow)
            repeat.copied(len(self.nodes))
            frame.add(Ref(flow, stage.span, (flow,), used=index + 1 < count), label)
        self.repeats.pop()

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

    def expand(self, unit: Unit, path: str, flows: list[Flow], env: Env, frame: Frame) -> Flow:
        """One module at `path`: a node, or a scope with what is in it."""
        if isinstance(unit.type, Primitive):
            return self.node(unit, unit.type, path, flows, env)
        key = None
        if unit.names is not None and len(flows) == 1:
            key = unit.key(env), unit.origins(env), flows[0].type
        depth = self.depth + len(env.uses)
        known: Passage | None = unit.made.get(key)
        if known is not None and depth <= known.depth:
            self.make_room(known, 1, unit.stage.span, env, path)
            return self.again(known, flows[0], path, env)
        self.evaluator.spend(WORK, unit.stage.span, env)
        since, before = self.mark(), self.evaluator.report.given
        if unit.type is None:
            at = self.enter(path, "group", "", flows, unit.stage.span, ("input",))
        else:
            at = self.enter(path, "block", unit.type.name, flows, unit.stage.span, unit.type.inputs)
        flow = self.body(unit, path + ".", flows, env, Namespace(path + "."), frame)
        self.leave(at, flow)
        flow = Flow(flow.id, flow.type, unit.stage.span, path, flow.absent)
        until = self.mark()
        is_known = self.evaluator.report.given == before and not self.broken and until.claims == since.claims
        if key is not None and is_known and flow.type is not None:
            unit.made[key] = Passage(since, until, flows[0], flow, depth, env)
        return flow

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
        arguments = self.arguments(unit, definition, first_env(env, flows), path)
        check_renames(definition, stage.names, env, self.evaluator, path)
        bounds = {name: bound for name, (bound, _) in arguments.items()}
        if stage.args.keys() - bounds.keys():
            bounds = self.units.call(unit, definition.name, env, path).aliases(arguments) | bounds
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

    def arguments(self, unit: Unit, definition: Definition, env: Env, path: str) -> Arguments:
        """The parameters of one use of a definition, bound once where they are always the same."""
        key = (unit.key(env), unit.origins(env)) if unit.names is not None else None
        if key is not None and key in unit.made:
            found: Arguments = unit.made[key]
            return found
        before = self.evaluator.report.given
        call = self.units.call(unit, definition.name, env, path)
        found = call.bind(definition.params, definition.is_open)
        if key is not None and self.evaluator.report.given == before:
            unit.made[key] = found
        return found

    # -- primitives -------------------------------------------------------------------------------------------------

    def node(self, unit: Unit, primitive: Primitive, path: str, flows: list[Flow], env: Env) -> Flow:
        """One primitive."""
        stage = unit.stage
        types = tuple([flow.type for flow in flows])
        key = (unit.key(env), types) if unit.names is not None else None
        if key is not None and key in unit.made:
            op, type_, _ = unit.made[key]
        else:
            before = self.evaluator.report.given
            arguments = self.units.call(unit, primitive.name, env, path).bind(primitive.params)
            if not self.takes(primitive, stage, flows, env, path):
                self.broken.add(path)
                return self.flow(None, stage.span, path)
            op, type_ = self.primitives.build(primitive, stage, arguments, flows, env, path)
            if key is not None and op is not None and self.evaluator.report.given == before:
                unit.made[key] = op, type_, env  # which keeps alive what the key has the ids of
        if type_ is not None and prod([size for size in type_.dims if size is not None]) > MAX_VALUE:
            message = f"a value has more than {MAX_VALUE:,} elements"
            self.stop(message, stage.span, env, "use fewer channels or rows", path)
        flow = self.flow(type_, stage.span, path)
        if op is None:
            self.broken.add(path)
            return flow
        if len(self.nodes) >= MAX_OPS:
            self.too_many_ops(stage.span, env, path)
        inits = self.inits.of(primitive, op, stage.init, unit.init, env, path)
        inputs = tuple([flow.id for flow in flows])
        self.nodes.append(Node(path, op, inputs, flow.id, stage.span, primitive.name, inits))
        self.order.append(path)
        self.sites[path] = Site(stage, partial(self.units.bound, unit, primitive, path), env)
        return flow


def at_stage(env: Env, flows: Sequence[Flow]) -> Env:
    """The scope with `in_channels` as it is at a stage."""
    if len(flows) > 1:
        return env.at(None, "on a stage with several inputs")
    type_ = flows[0].type
    return env.at(UNKNOWN if type_ is None or type_.channels is None else type_.channels)


def first_env(env: Env, flows: Sequence[Flow]) -> Env:
    """A block's parameters see the channels of its first input."""
    return at_stage(env, flows[:1])


def copy_env(env: Env, index: int, given: Sequence[Flow]) -> Env:
    """The scope of one copy: `i`, and what arrives at it."""
    return at_stage(env, given).copy(index)
