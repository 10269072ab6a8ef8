"""Evaluation of trees in their scope, and who is to blame for a value."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Map
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from archc.diagnostics import Diagnostic, Label, Report, Span, Stop
from archc.diagnostics.fixes import respelt, retyped, text_at
from archc.diagnostics.model import Fix
from archc.limits import MAX_ELEMENTS, MAX_WORK
from archc.source import Mapping, Scalar, Sequence, Tree
from archc.spec.expressions import ExpressionError, Text, evaluate, parse_text
from archc.spec.hints import intended
from archc.spec.params import SAME, Fault, Param, conform, proposal, suggestion
from archc.spec.values import UNKNOWN, BlockRef, Bound, Unknown, Value

PYTHONS: Final = {"True": "true", "False": "false", "None": "none"}
"""Words of Python's, and what they are here."""


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a definition: where (None for one that nothing uses), and of which block."""

    span: Span | None
    block: str
    passed: Map[int, Span] = field(default_factory=dict)
    """Where each of its inputs was named, by the value's number."""


@dataclass(frozen=True, slots=True)
class Env:
    """What expressions see: the scope's params, `in_channels`, `i`; and the uses that led here, outermost first."""

    bounds: dict[str, Bound] = field(default_factory=dict)
    in_channels: Value = UNKNOWN
    no_channels: str = ""
    """Why `in_channels` is not available; "" where it is."""
    index: int | None = None
    uses: tuple[Use, ...] = ()
    is_open: bool = False
    """Whether there may be params that could not be read, so that no name is unknown for certain."""
    later: AbstractSet[str] = frozenset()
    """The params that are not known yet: the one whose default this is, and those behind it."""

    def lookup(self, name: str) -> Value:
        """A name's value. Raises ExpressionError for a name that is not known here."""
        if name in self.bounds:
            return self.bounds[name].value
        if name == "in_channels":
            if self.no_channels:
                raise ExpressionError(
                    "A0205",
                    f"`in_channels` is not available {self.no_channels}",
                    0,
                    0,
                    "write the number, or pass it as a param",
                )
            return self.in_channels
        if name == "i":
            if self.index is None:
                raise ExpressionError(
                    "A0205",
                    "`i` is not available outside a repeat",
                    0,
                    0,
                    "put `repeat` on the stage, or write the number",
                )
            return self.index
        if self.is_open:
            return UNKNOWN
        if name in self.later:
            raise ExpressionError("A0202", f"`{name}` is not known yet", 0, 0, "a default uses the params before it")
        word = PYTHONS.get(name)
        help = proposal(name, word, [word]) if word else suggestion(name, self.known(), "known here are")
        raise ExpressionError("A0202", f"unknown variable `{name}`", 0, 0, help)

    def known(self) -> list[str]:
        """The names that an expression can use here."""
        no_channels, no_index = bool(self.no_channels), self.index is None
        return [*self.bounds, *["in_channels"] * (not no_channels), *["i"] * (not no_index)]

    def origin(self, text: Text) -> Span | None:
        """The argument at the outermost use that `text` depends on, or None; the first in the text if there are several."""
        for name in text.names:
            bound = self.bounds.get(name)
            if bound is not None and bound.origin is not None:
                return bound.origin
        return None

    def elements(self, text: Text) -> int:
        """How many elements the lists have that `text` names."""
        values = [self.bounds[name].value for name in text.names if name in self.bounds]
        return sum(len(value) for value in values if isinstance(value, tuple))

    def at(self, in_channels: Value, no_channels: str = "") -> Env:
        """The same scope at another stage."""
        if in_channels == self.in_channels and no_channels == self.no_channels:
            return self
        return Env(self.bounds, in_channels, no_channels, self.index, self.uses, self.is_open)

    def copy(self, index: int) -> Env:
        """The same scope in a copy of a repeat."""
        return Env(self.bounds, self.in_channels, self.no_channels, index, self.uses, self.is_open)


def place(span: Span, env: Env, origin: Span | None = None) -> tuple[Span, tuple[Label, ...]]:
    """The span to blame, and a label for the other end.

    The argument at the use if the value depends on one, else the place itself; inside a shipped definition, which the
    user did not write, the use.
    """
    chain = [origin] if origin is not None else []
    uses = [Label(use.span, f"`{use.block}` is used here") for use in env.uses if use.span is not None]
    chain += [span, *(use.span for use in reversed(uses))]
    primary = next((one for one in chain if not one.file.shipped), chain[0])
    if primary is not span:
        block = env.uses[-1].block if env.uses else ""
        outermost = tuple(use for use in uses[:1] if use.span.line != primary.line)
        return primary, (Label(span, f"in the definition of `{block}`"), *outermost) if block else ()
    return primary, tuple(uses[:1])


class Evaluator:
    """Trees to values; mistakes go to the report and give UNKNOWN."""

    def __init__(self, report: Report, rank: int = 0) -> None:
        self.report = report
        self.rank = rank
        """The number of the network's spatial axes."""
        self.work = 0
        self.blocks: dict[Span, tuple[BlockRef, Env]] = {}
        """The blocks that were passed as values, by their places."""

    def fault(
        self,
        code: str,
        message: str,
        span: Span,
        env: Env,
        *,
        origin: Span | None = None,
        label: str = "",
        help: str = "",
        path: str = "",
        notes: Iterable[str] = (),
        labels: tuple[Label, ...] = (),
        fix: Fix | None = None,
        group: str = "",
    ) -> None:
        """Report a mistake at the place that is to blame; once for all of one `group` in a scope."""
        primary, more = place(span, env, origin)
        fix = fix or respelt(primary, help)
        scope = (code, group, env.uses[-1].block if env.uses else "") if group else None
        found = Diagnostic(code, message, primary, label, (*labels, *more), tuple(notes), str(help), path, fix)
        self.report.add(found, scope)

    def value(self, tree: Tree, env: Env, path: str = "") -> Bound:
        """The value of a tree that is not a block."""
        if isinstance(tree, Sequence) and len(tree.items) > MAX_ELEMENTS:
            self.fault(
                "A0003", f"a list has more than {MAX_ELEMENTS} elements", tree.span, env, help="shorten it", path=path
            )
            return Bound(UNKNOWN, tree.span)
        if isinstance(tree, Sequence):
            items = [self.value(item, env, path) for item in tree.items]
            if any(isinstance(item.value, Unknown) for item in items):
                return Bound(UNKNOWN, tree.span)
            origins = [
                item.origin for item, part in zip(items, tree.items, strict=True) if item.origin is not part.span
            ]
            return Bound(tuple(item.value for item in items), origins[0] if origins else tree.span)
        if isinstance(tree, Mapping):
            self.fault(
                "A0103",
                "a value is needed",
                tree.span,
                env,
                label="this is a mapping",
                help="write a number, a word or a list",
                path=path,
            )
            return Bound(UNKNOWN, tree.span)
        return self.scalar(tree, env, path)

    def scalar(self, tree: Scalar, env: Env, path: str = "") -> Bound:
        """The value of a scalar, its expressions evaluated."""
        if tree.faulty:
            return Bound(UNKNOWN, tree.span)
        if not isinstance(tree.value, str) or "$" not in tree.value:
            return Bound(tree.value, tree.span)
        origin: Span | None = None
        try:
            text = parse_text(tree.value)
            bare = env.bounds.get(text.bare)
            if bare is not None:
                self.spend(1 + (len(bare.value) if isinstance(bare.value, tuple) else 0), tree.span, env)
                return Bound(bare.value, bare.origin or tree.span, bare.declared)
            self.spend(text.size * (1 + env.elements(text)), tree.span, env)
            origin = env.origin(text) if len(text.parts) == 1 else None
            return Bound(evaluate(text, env.lookup), origin or tree.span)
        except ExpressionError as error:
            self.failed(error, tree, env, origin, path)
            return Bound(UNKNOWN, tree.span)

    def failed(self, error: ExpressionError, tree: Scalar, env: Env, origin: Span | None, path: str) -> None:
        """Report a mistake in an expression, at the param of the spec if its kind is what is wrong."""
        span = tree.span
        if tree.text_start is not None:
            span = span.within(tree.text_start + error.start, tree.text_start + error.end)
        bound = env.bounds.get(error.name) if error.code == "A0203" else None
        if bound is not None and bound.declared is not None:
            labels = (Label(span, f"`{error.name}` is used here"),)
            self.fault(
                error.code, error.message, bound.declared, Env(), labels=labels, help="change its value", path=path
            )
            env.bounds[error.name] = Bound(UNKNOWN, None)
            return
        blamed = origin if error.code == "A0203" else None
        group = error.name if error.code == "A0202" else ""
        self.fault(error.code, error.message, span, env, origin=blamed, help=error.help, path=path, group=group)

    def spend(self, work: int, span: Span, env: Env) -> None:
        """Count work, so that a small file cannot ask for hours of it. Raises Stop past the limit."""
        self.work += work
        if self.work > MAX_WORK:
            message = "the network's fields and expressions take too much work"
            self.fault("A0003", message, span, env, help="use fewer copies, params and elements")
            raise Stop

    def block(self, tree: Tree, env: Env, path: str = "") -> Bound:
        """The value of a tree that names a block: a type, `{type: NAME, ...}`, or `none`."""
        bound = self._block_mapping(tree, env, path) if isinstance(tree, Mapping) else self.value(tree, env, path)
        if isinstance(bound.value, str):
            named = None if bound.value == "none" else BlockRef(bound.value, bound.origin or tree.span, {})
            bound = Bound(named, bound.origin)
        if isinstance(bound.value, BlockRef):
            self.blocks.setdefault(bound.value.span, (bound.value, env))
        return bound

    def _block_mapping(self, tree: Mapping, env: Env, path: str) -> Bound:
        type_ = tree.get("type")
        if type_ is None:
            self.fault("A0102", "the block has no `type`", tree.span, env, help="write `{type: NAME, ...}`", path=path)
            return Bound(UNKNOWN, tree.span)
        name = self.value(type_, env, path)
        fields = {key: self.value(entry.value, env, path) for key, entry in tree.entries.items() if key != "type"}
        keys = {key: entry.key.span for key, entry in tree.entries.items()}
        if not isinstance(name.value, str):
            return Bound(UNKNOWN, tree.span)
        return Bound(BlockRef(name.value, name.origin or type_.span, fields, keys), tree.span)

    def param(self, param: Param, tree: Tree, env: Env, path: str = "") -> Bound:
        """The value of an argument, of the kind that its parameter asks for."""
        bound = self.block(tree, env, path) if param.kind == "block" else self.value(tree, env, path)
        return self.conformed(param, bound, tree.span, env, path)

    def conformed(self, param: Param, bound: Bound, span: Span, env: Env, path: str = "") -> Bound:
        """`bound` as `param` stores it, or UNKNOWN with a diagnostic."""
        if isinstance(bound.value, Unknown):
            return bound
        try:
            return Bound(conform(param, bound.value, self.rank), bound.origin)
        except Fault as fault:
            if bound.declared is not None and bound.origin == span:
                self.blame_param(fault, bound, span, env, path)
                return Bound(UNKNOWN, bound.origin)
            origin, fix = bound.origin, None
            help = fault.help
            if fault.code == "A0103" and isinstance(bound.value, str):
                fix = retyped(origin or span, param.kind)
                if param.kind != "bool" and bound.value not in SAME and origin in (None, span):
                    help = intended(text_at(span).strip("'\""), env.known()) or help
                help = f"write `{bound.value}` without quotes" if fix is not None and param.kind != "bool" else help
            self.fault(
                fault.code,
                fault.message,
                span,
                env,
                origin=origin,
                label=fault.label,
                help=help,
                path=path,
                fix=fix,
            )
            return Bound(UNKNOWN, bound.origin)

    def blame_param(self, fault: Fault, bound: Bound, span: Span, env: Env, path: str) -> None:
        """Report a param of the spec whose value a field does not take, and say nothing more of it."""
        assert bound.declared is not None
        name = next((name for name, one in env.bounds.items() if one.declared == bound.declared), "")
        labels = (Label(span, f"`{name}` is used here"),)
        self.fault(
            fault.code,
            fault.message,
            bound.declared,
            Env(),
            label=fault.label,
            labels=labels,
            help=fault.help,
            path=path,
        )
        env.bounds[name] = Bound(UNKNOWN, None)
