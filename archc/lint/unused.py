"""Warnings about what is written and used by nothing: definitions, params, entries of `defaults` and `init`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archc.diagnostics import Diagnostic, Span
from archc.lint.network import Finding, Network
from archc.source import Mapping, Scalar, Sequence, Tree
from archc.spec.expressions import ExpressionError, parse_text
from archc.spec.model import Definition, Spec, Stage
from archc.spec.params import Param

MAX_COMPOSED = 100
"""With more texts made of expressions than that, any type may be named."""
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def unused_blocks(network: Network) -> Iterator[Finding]:
    """A definition that no stage can be made of."""
    spec = network.spec
    if any(_selects(param, spec) for param in spec.params):
        return
    unused = [one for one in spec.blocks.values() if one.name not in network.record.definitions]
    mentioned = Mentions(spec, spec.blocks.values()) if unused else None
    for one in unused:
        if mentioned is not None and not mentioned.has(one.name):
            yield from _unused("A0907", f"nothing uses the block `{one.name}`", one.span, spec, "never a `type`")


def _selects(param: Param, spec: Spec) -> bool:
    """Whether a param of the spec can name a block, so that `--set` may use one that is not used now."""
    return param.kind == "block" or any(text in spec.blocks for text in _strings_of_param(param))


def unused_params(network: Network) -> Iterator[Finding]:
    """A param that no expression names."""
    spec = network.spec
    sections = (spec.defaults, spec.init, spec.expect, spec.budget, spec.train)
    trees = [tree for tree in sections if tree is not None]
    if spec.input is not None:
        trees += [spec.input.channels, *(tree for axis in spec.input.axes for tree in axis.fields.values())]  # type: ignore[list-item]
    owners: list[tuple[str, tuple[Param, ...], Iterable[Tree]]] = [
        ("the spec", spec.params, [*trees, *_trees_of_stages(spec.stages)])
    ]
    owners += [(f"`{one.name}`", one.params, _trees_of_stages(one.stages)) for one in spec.blocks.values()]
    for owner, params, where in owners:
        trees_of_defaults = [
            param.default for param in params if isinstance(param.default, (Scalar, Sequence, Mapping))
        ]
        used = {name for tree in (*where, *trees_of_defaults) for text in strings(tree) for name in names_in(text)}
        for param in params:
            if param.name not in used and param.span is not None:
                yield from _unused(
                    "A0908", f"nothing uses the param `{param.name}`", param.span, spec, f"{owner} never reads it"
                )


def unused_defaults(network: Network) -> Iterator[Finding]:
    """An entry of `defaults` for a type that the network does not have."""
    yield from _unused_types("A0909", "defaults", network.spec.defaults, network)


def unused_init(network: Network) -> Iterator[Finding]:
    """An entry of `init` for a type that the network does not have."""
    yield from _unused_types("A0910", "init", network.spec.init, network)


def _unused_types(code: str, section: str, tree: Mapping | None, network: Network) -> Iterator[Finding]:
    if tree is None:
        return
    present = {node.type for node in network.graph.nodes} | network.record.definitions.keys()
    absent = {type_: entry for type_, entry in tree.entries.items() if type_ not in present}
    # What a condition or a param leaves out now may be there for others.
    mentioned = Mentions(network.spec, network.record.definitions.values()) if absent else None
    for type_, entry in absent.items():
        if mentioned is not None and not mentioned.has(type_):
            message = f"`{section}` of `{type_}` applies to nothing"
            yield from _unused(code, message, entry.key.span, network.spec, "the network has no such stage")


def _unused(code: str, message: str, span: Span, spec: Spec, label: str) -> Iterator[Finding]:
    """The finding, unless it stands in a file that the spec extends: what one variant does not use another may."""
    if span.file is spec.file:
        yield Finding(Diagnostic(code, message, span, label, help="remove it, or use it"), (span,))


# -- what is written -------------------------------------------------------------------------------------------------


def strings(tree: Tree) -> Iterator[str]:
    """The texts in a tree, keys left out."""
    if isinstance(tree, Scalar):
        if isinstance(tree.value, str):
            yield tree.value
        return
    for part in tree.items if isinstance(tree, Sequence) else (entry.value for entry in tree.entries.values()):
        yield from strings(part)


def _trees_of_stages(stages: Iterable[Stage], only_types: bool = False) -> Iterator[Tree]:
    """Every value that stages say; or only what can name a type."""
    for stage in stages:
        args = (entry.value for entry in stage.args.values())
        others = () if only_types else (stage.name, stage.repeat, stage.when, stage.expect, stage.init)
        names = () if only_types else (entry.value for entry in stage.names.values())
        yield from (tree for tree in (stage.type, *others, *args, *names) if tree is not None)
        yield from _trees_of_stages(stage.stages or (), only_types)


def _strings_of_param(param: Param) -> Iterator[str]:
    if isinstance(param.default, (Scalar, Sequence, Mapping)):
        yield from strings(param.default)
    yield from (choice for choice in param.choices if isinstance(choice, str))


class Mentions:
    """Every type that a spec and some definitions can name, whatever their conditions and params are."""

    def __init__(self, spec: Spec, definitions: Iterable[Definition]) -> None:
        found = set(_texts(spec.stages, spec.params))
        found.update(strings(spec.defaults) if spec.defaults is not None else ())
        for definition in definitions:
            found.update(_texts(definition.stages, definition.params))
        self.words = {word for text in found for word in (WORD.findall(text) if "$" in text else (text,))}
        self.composed = [parts for text in found if "$" in text and len(parts := _parts(text)) > 1]

    def has(self, type_: str) -> bool:
        """Whether a text is the type's name, has it in an expression, or can become it."""
        if len(self.composed) > MAX_COMPOSED:
            return True
        return type_ in self.words or any(can_become(parts, type_) for parts in self.composed)


def _texts(stages: Iterable[Stage], params: Iterable[Param]) -> Iterator[str]:
    """The texts of a list of stages and of params that can name a type."""
    for tree in _trees_of_stages(stages, only_types=True):
        yield from strings(tree)
    for param in params:
        yield from _strings_of_param(param)


def _parts(text: str) -> tuple[object, ...]:
    try:
        return parse_text(text).parts
    except ExpressionError:
        return ()


def can_become(parts: tuple[object, ...], word: str) -> bool:
    """Whether a text of plain parts and expressions can become `word`, if an expression can become anything."""
    first, last = parts[0], parts[-1]
    start = len(first) if isinstance(first, str) else 0
    end = len(word) - (len(last) if isinstance(last, str) else 0)
    if (isinstance(first, str) and not word.startswith(first)) or (isinstance(last, str) and not word.endswith(last)):
        return False
    for part in parts[1:-1]:
        if isinstance(part, str):
            at = word.find(part, start, max(start, end))
            if at < 0:
                return False
            start = at + len(part)
    return start <= end


def names_in(text: str) -> Iterable[str]:
    """The names that a text's expressions read."""
    if "$" not in text:
        return ()
    try:
        return parse_text(text).names
    except ExpressionError:
        return WORD.findall(text)
