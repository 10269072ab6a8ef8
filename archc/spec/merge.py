"""A variant over the spec that it extends, as trees: keys merge, stages are cut and appended, claims are kept or dropped."""

from __future__ import annotations

from typing import Final

from archc.diagnostics import Diagnostic, Report
from archc.diagnostics.fixes import respelt as respelling
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.params import suggestion
from archc.spec.reader import Reader, misspelt, respelt

SECTIONS: Final = frozenset({"input", "params", "defaults", "init", "train", "budget", "aliases", "expect"})
"""What a variant merges by key with what it extends."""

DROPPABLE = ("defaults", "expect", "budget", "aliases", "init", "train", "profile")
"""Fields of a spec that a variant leaves out by `null`."""


def without(tree: Mapping, *keys: str) -> Mapping:
    """`tree` less some keys."""
    return Mapping({key: entry for key, entry in tree.entries.items() if key not in keys}, tree.span)


def without_literal_claims(tree: Mapping) -> Mapping:
    """A spec less the shapes that it claims in plain numbers.

    They describe the network as it was written; with another input size or other params only claims made of expressions
    can still be meant.
    """
    entries = {}
    for key, entry in tree.entries.items():
        value = entry.value
        if key == "expect" and isinstance(value, Mapping):
            kept = {path: claim for path, claim in value.entries.items() if _has_expression(claim.value)}
            entries[key] = Entry(entry.key, Mapping(kept, value.span))
        elif key == "expect" and not _has_expression(value):
            continue
        elif key == "stages" and isinstance(value, Sequence):
            items = tuple(without_literal_claims(item) if isinstance(item, Mapping) else item for item in value.items)
            entries[key] = Entry(entry.key, Sequence(items, value.span))
        else:
            entries[key] = entry
    return Mapping(entries, tree.span)


def _has_expression(tree: Tree) -> bool:
    if isinstance(tree, Sequence):
        return any(_has_expression(item) for item in tree.items)
    return isinstance(tree, Scalar) and isinstance(tree.value, str)


def merge_specs(parent: Mapping, child: Mapping, report: Report) -> Mapping:
    """`child` over `parent`: mappings merge by key, `stages` are appended after `upto`, anything else is replaced.

    `null` for a section drops the parent's.
    A child with another `input` or other `params` inherits only the claims that are made of expressions. Where `upto`
    names nothing, what is kept is not known: the child comes back as it is.
    """
    if "input" in child.entries or "params" in child.entries:
        parent = without_literal_claims(parent)
    grows = "stages" in child.entries or "blocks" in child.entries or "extends" in parent.entries
    kept = _cut(parent, child, report) if "extends" not in parent.entries else parent
    if kept is None:
        return child
    merged = dict(kept.entries)
    child = _sound(merged, child, grows, report)
    for key, entry in without(child, "extends", "upto").entries.items():
        old = merged.get(key)
        if key == "stages" and old and isinstance(old.value, Sequence) and isinstance(entry.value, Sequence):
            merged[key] = Entry(entry.key, Sequence(old.value.items + entry.value.items, entry.value.span))
        elif key in DROPPABLE and isinstance(entry.value, Scalar) and entry.value.value is None:
            merged.pop(key, None)
        elif key == "blocks" and old:
            merged[key] = Entry(entry.key, _joined_blocks(old.value, entry.value, report))
        elif old and key not in ("outputs", "profile"):
            merged[key] = Entry(entry.key, merge_trees(old.value, entry.value, declared=key == "params"))
        else:
            merged[key] = entry
    return Mapping(merged, child.span)


def merge_trees(old: Tree, new: Tree, declared: bool = False) -> Tree:
    """`new` over `old`, key by key; a mapping with a `type` replaces. A plain value becomes a declared param's default."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)) or "type" in new.entries:
        return new
    merged = dict(old.entries)
    for key, entry in new.entries.items():
        before = merged.get(key)
        if before and declared and isinstance(before.value, Mapping) and not isinstance(entry.value, Mapping):
            default = {**before.value.entries, "default": Entry(entry.key, entry.value)}
            merged[key] = Entry(before.key, Mapping(default, before.value.span))
        else:
            merged[key] = Entry(entry.key, merge_trees(before.value, entry.value)) if before else entry
    return Mapping(merged, new.span)


def _joined_blocks(old: Tree, new: Tree, report: Report) -> Tree:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    for key in new.entries.keys() & old.entries.keys():
        report.add(
            Diagnostic(
                "A0110",
                f"`{key}` is a block of the extended spec",
                new.entries[key].key.span,
                "may not be defined again",
                help="give it another name",
            )
        )
    return Mapping({**new.entries, **old.entries}, new.span)


def _sound(old: dict[str, Entry], child: Mapping, grows: bool, report: Report) -> Mapping:
    """`child` without the sections that are no mappings where the parent's are, which is reported.

    After a mistake in its params its claims are left out too: they are of a network that is not known.
    """
    lost = []
    for key in SECTIONS & old.keys() & child.entries.keys():
        value = child.entries[key].value
        dropped = key in DROPPABLE and isinstance(value, Scalar) and value.value is None
        if isinstance(old[key].value, Mapping) and not isinstance(value, Mapping) and not dropped:
            Reader(report).mapping(value, key)
            lost.append(key)
    params = child.get("params")
    if "params" in old and isinstance(old["params"].value, Mapping) and isinstance(params, Mapping) and not grows:
        params = _respelt(old["params"].value, params, report)
        child = Mapping({**child.entries, "params": Entry(child.entries["params"].key, params)}, child.span)
    known = grows or _known_params(old["params"].value if "params" in old else None, params, report)
    return without(child, *lost, *([] if known and not {"params", "input"} & set(lost) else ["expect"]))


def _respelt(old: Mapping, new: Mapping, report: Report) -> Mapping:
    """The child's params with likely misspellings under the names that were meant, which are reported."""
    names = misspelt(new, old.entries)
    for key in names:
        _unknown_param(key, old, new, report)
    return respelt(new, old.entries)


def _known_params(old: Tree | None, new: Tree | None, report: Report) -> bool:
    """Whether the parent has all params that the child gives; others are reported."""
    unknown = new.entries.keys() - old.entries.keys() if isinstance(old, Mapping) and isinstance(new, Mapping) else ()
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in unknown:
            _unknown_param(key, old, new, report)
    return not unknown


def _unknown_param(key: str, old: Mapping, new: Mapping, report: Report) -> None:
    span = new.entries[key].key.span
    help = suggestion(key, old.entries, "its params are", new.beside(new.entries[key].key))
    message = f"the extended spec has no param `{key}`"
    report.add(Diagnostic("A0206", message, span, "unknown param", help=str(help), fix=respelling(span, help)))


def _cut(parent: Mapping, child: Mapping, report: Report) -> Mapping | None:
    """`parent` without the stages that follow `upto`, their claims, and the outputs that named them."""
    upto, stages = child.get("upto"), parent.get("stages")
    if upto is None or not isinstance(stages, Sequence):
        return parent
    names = [_stage_name(stage) for stage in stages.items]
    if not isinstance(upto, Scalar) or upto.value not in names:
        shown = upto.value if isinstance(upto, Scalar) else "this"
        message = f"the extended spec has no stage `{shown}` in its list"
        help = suggestion(str(shown), [name for name in names if name], "its stages are")
        fix = respelling(upto.span, help)
        report.add(Diagnostic("A0503", message, upto.span, "unknown stage", help=str(help), fix=fix))
        return None
    kept = names.index(str(upto.value)) + 1
    cut = Entry(parent.entries["stages"].key, Sequence(stages.items[:kept], stages.span))
    merged = {**without(parent, "outputs").entries, "stages": cut}
    expect = parent.get("expect")
    if isinstance(expect, Mapping):
        claims = {key: entry for key, entry in expect.entries.items() if key.partition(".")[0] in names[:kept]}
        merged["expect"] = Entry(parent.entries["expect"].key, Mapping(claims, expect.span))
    return Mapping(merged, parent.span)


def _stage_name(stage: Tree) -> str:
    name = stage.get("name") if isinstance(stage, Mapping) else None
    return str(name.value) if isinstance(name, Scalar) else ""
