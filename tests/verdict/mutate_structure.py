"""Mutations of what stands where, and of what takes what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from .change import CONVS, WINDOWS, Mutation, chosen, fresh, insert_after, pick, places, with_attrs
from .modules import ACTIVATIONS
from .net import MERGES, Net, Stage, at, siblings, with_list, with_stage, without_references
from .parts import ON_FEATURES, ON_LAST, ON_MAPS, Form


def dropped(rng: Random, net: Net, wanted: Callable[[Stage], bool] = lambda stage: True) -> Net | None:
    where = pick(rng, net, wanted)
    if where is None or len(siblings(net, where)) == 1:
        return None
    stages, stage = siblings(net, where), at(net, where)
    before = stage.inputs[0] if stage.inputs else stages[where[-1] - 1].name if where[-1] else "input"
    after = without_references(stages[where[-1] + 1 :], stage.name, before)
    if where[-1] + 1 < len(stages) and stage.inputs and not after[0].inputs:
        after = (replace(after[0], inputs=(before,)), *after[1:])
    left = with_list(net, where[:-1], (*stages[: where[-1]], *after))
    if len(where) > 1:
        return left
    return replace(left, outputs=tuple(one for one in net.outputs if one != stage.name))


def dropped_flatten(rng: Random, net: Net) -> Net | None:
    return dropped(rng, net, lambda s: s.kind == "flatten")


def dropped_layout(rng: Random, net: Net) -> Net | None:
    return dropped(rng, net, lambda s: s.kind in ("channels_last", "channels_first"))


def inserted(kind: str, **attrs: Any) -> Mutation:
    """A stage of a kind anywhere."""

    def mutate(rng: Random, net: Net) -> Net | None:
        where = pick(rng, net)
        return None if where is None else insert_after(net, where, kind, dict(attrs))

    return mutate


def inserted_anything(rng: Random, net: Net) -> Net | None:
    """A random op or block, whatever stands there."""
    where = pick(rng, net)
    if where is None:
        return None
    table = rng.choice((ON_MAPS, ON_MAPS, ON_FEATURES, ON_LAST))
    form = Form(rng.randint(1, 8), (4,) * max(net.rank, 1), False, max(net.rank, 1))
    return insert_after(net, where, *rng.choice(list(table))(rng, form))


def swapped(rng: Random, net: Net) -> Net | None:
    """Two neighbours in each other's place; what refers to them stays."""
    found = [where for where in places(net) if where[-1] + 1 < len(siblings(net, where))]
    if not found:
        return None
    where = rng.choice(found)
    stages = list(siblings(net, where))
    first, second = stages[where[-1]], stages[where[-1] + 1]
    stages[where[-1]] = replace(
        first, kind=second.kind, attrs=second.attrs, children=second.children, repeat=second.repeat
    )
    stages[where[-1] + 1] = replace(
        second, kind=first.kind, attrs=first.attrs, children=first.children, repeat=first.repeat
    )
    return with_list(net, where[:-1], tuple(stages))


def exchanged(rng: Random, net: Net) -> Net | None:
    """Any two stages of a list in each other's place."""
    where = pick(rng, net)
    if where is None or len(siblings(net, where)) < 3:
        return None
    stages = list(siblings(net, where))
    one, two = rng.sample(range(len(stages)), 2)
    a, b = stages[one], stages[two]
    stages[one] = replace(a, kind=b.kind, attrs=b.attrs, children=b.children)
    stages[two] = replace(b, kind=a.kind, attrs=a.attrs, children=a.children)
    return with_list(net, where[:-1], tuple(stages))


def rewired(rng: Random, net: Net) -> Net | None:
    """`from` changed to another earlier stage of the list (or to one that comes later, or to none at all)."""
    where = pick(rng, net, lambda s: bool(s.inputs)) if rng.random() < 0.7 else pick(rng, net)
    if where is None:
        return None
    stages, stage = siblings(net, where), at(net, where)
    names = ["input", *(s.name for s in stages[: where[-1]])]
    if rng.random() < 0.1:
        names = [s.name for s in stages[where[-1] :]] + ["nowhere"]
    inputs = list(stage.inputs or (names[-1],))
    inputs[rng.randrange(len(inputs))] = rng.choice(names)
    return with_stage(net, where, replace(stage, inputs=tuple(inputs)))


def another_merge(rng: Random, net: Net) -> Net | None:
    where = pick(rng, net, lambda s: s.kind in MERGES)
    if where is None:
        return None
    stage = at(net, where)
    return with_stage(net, where, replace(stage, kind=rng.choice([one for one in MERGES if one != stage.kind])))


def merged_inputs(rng: Random, net: Net) -> Net | None:
    """One input of a merge fewer, or one more."""
    where = pick(rng, net, lambda s: s.kind in MERGES)
    if where is None:
        return None
    stage, inputs = at(net, where), list(at(net, where).inputs)
    if rng.random() < 0.4 and len(inputs) > 1:
        del inputs[rng.randrange(len(inputs))]
    else:
        earlier = ["input", *(s.name for s in siblings(net, where)[: where[-1]])]
        inputs.insert(rng.randrange(len(inputs) + 1), rng.choice(earlier))
    return with_stage(net, where, replace(stage, inputs=tuple(inputs)))


def in_a_branch(*choices: tuple[str, dict[str, Any]]) -> Mutation:
    """A stage more between a branch and its merge."""

    def mutate(rng: Random, net: Net) -> Net | None:
        where = pick(rng, net, lambda s: s.kind in MERGES and len(s.inputs) > 1)
        if where is None:
            return None
        merge, stages = at(net, where), siblings(net, where)
        name, (kind, attrs) = fresh(net), rng.choice(choices)
        index = rng.randrange(len(merge.inputs))
        source = merge.inputs[index]
        if source.endswith(".*"):
            return None
        changed = replace(merge, inputs=(*merge.inputs[:index], name, *merge.inputs[index + 1 :]))
        new = Stage(name, kind, dict(attrs), (source,))
        return with_list(net, where[:-1], (*stages[: where[-1]], new, changed, *stages[where[-1] + 1 :]))

    return mutate


def many_inputs(rng: Random, net: Net) -> Net | None:
    """Two inputs for what takes one."""
    where = pick(rng, net, lambda s: s.kind not in (*MERGES, "fuse"))
    if where is None or not where[-1]:
        return None
    before = [s.name for s in siblings(net, where)[: where[-1]]]
    return with_stage(net, where, replace(at(net, where), inputs=(before[-1], rng.choice(["input", *before]))))


FAMILIES = (
    CONVS,
    ("max_pool", "avg_pool"),
    ("adaptive_avg_pool", "adaptive_max_pool"),
    ("batch_norm", "layer_norm", "rms_norm", "prelu", "local_response_norm", "group_norm"),
    ("channels_last", "channels_first", "flatten", "global_avg_pool", "global_max_pool", "softmax"),
    ("channel_shuffle", "pixel_shuffle", "chunk"),
    (*ACTIVATIONS, "prelu", "dropout", "scale"),
)
EXTRA = {"num_groups": 2, "size": 3, "groups": 2, "upscale_factor": 2, "chunks": 2, "index": 0}
NEEDS = {
    "group_norm": ("num_groups",),
    "local_response_norm": ("size",),
    "channel_shuffle": ("groups",),
    "pixel_shuffle": ("upscale_factor",),
    "chunk": ("chunks", "index"),
}
CLASH = {"output_padding", "dilation", "count_include_pad"}
"""Attributes that not every kind of a family has."""


def another_kind(rng: Random, net: Net) -> Net | None:
    """Another op of the same family."""
    where = pick(rng, net, lambda s: any(s.kind in family for family in FAMILIES))
    if where is None:
        return None
    stage = at(net, where)
    family = rng.choice([family for family in FAMILIES if stage.kind in family])
    kind = rng.choice([one for one in family if one != stage.kind])
    windows = kind in WINDOWS or kind.startswith("adaptive")
    kept = {key: value for key, value in stage.attrs.items() if key not in CLASH} if windows else {}
    return with_stage(
        net, where, replace(stage, kind=kind, attrs={**kept, **{key: EXTRA[key] for key in NEEDS.get(kind, ())}})
    )


def shortcut(rng: Random, net: Net) -> Net | None:
    found = chosen(rng, net, lambda s: s.kind in ("residual", "bottleneck"))
    return None if found is None else with_attrs(*found, shortcut=rng.choice(("identity", "projection")))


def ungrouped(rng: Random, net: Net) -> Net | None:
    """A repeated stage once, or a group's stages without the group's input."""
    where = pick(rng, net, lambda s: s.repeat is not None and s.repeat > 1)
    if where is None:
        return None
    used = f"{at(net, where).name}.*" in {one for s in siblings(net, where) for one in s.inputs}
    return None if used and rng.random() < 0.5 else with_stage(net, where, replace(at(net, where), repeat=1))


def doubled(rng: Random, net: Net) -> Net | None:
    """A stage twice."""
    where = pick(rng, net, lambda s: len(s.inputs) < 2 and s.kind != "group" and s.repeat is None)
    return None if where is None else insert_after(net, where, at(net, where).kind, at(net, where).attrs)
