"""A variant over the spec that it extends, as trees: keys merge, stages are cut and appended, claims are kept or dropped."""

from __future__ import annotations

from archc.diagnostics import Diagnostic, Report
from archc.diagnostics.fixes import respelt
from archc.source import Entry, Mapping, Scalar, Sequence, Tree
from archc.spec.params import suggestion

DROPPABLE = ("defaults", "expect", "budget", "init", "train")
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


def merge_specs(parent: Mapping, child: Mapping, report: Report) -> Mapping | None:
    """`child` over `parent`: mappings merge by key, `stages` are appended after `upto`, anything else is replaced.

    `null` for a section drops the parent's.
    A child with another `input` or other `params` inherits only the claims that are made of expressions.
    """
    if "input" in child.entries or "params" in child.entries:
        parent = without_literal_claims(parent)
    grows = "stages" in child.entries or "blocks" in child.entries
    kept = _cut(parent, child, report)
    if kept is None:
        return None
    merged = dict(kept.entries)
    for key, entry in without(child, "extends", "upto").entries.items():
        old = merged.get(key)
        if key == "params" and old and not grows:
            _check_params(old.value, entry.value, report)
        if key == "stages" and old and isinstance(old.value, Sequence) and isinstance(entry.value, Sequence):
            merged[key] = Entry(entry.key, Sequence(old.value.items + entry.value.items, entry.value.span))
        elif key in DROPPABLE and isinstance(entry.value, Scalar) and entry.value.value is None:
            merged.pop(key, None)
        elif key == "blocks" and old:
            merged[key] = Entry(entry.key, _joined_blocks(old.value, entry.value, report))
        elif old and key != "outputs":
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


def _check_params(old: Tree, new: Tree, report: Report) -> None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in new.entries.keys() - old.entries.keys():
            span, help = (
                new.entries[key].key.span,
                suggestion(key, old.entries, "its params are", new.beside(new.entries[key].key)),
            )
            message = f"the extended spec has no param `{key}`"
            report.add(Diagnostic("A0206", message, span, "unknown param", help=str(help), fix=respelt(span, help)))


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
        fix = respelt(upto.span, help)
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
