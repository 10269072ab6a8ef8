"""Mutations of the neutral form: one change each, most of which make a network that does not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from .modules import ACTIVATIONS
from .net import MERGES, Net, Stage, Where, at, siblings, walk, with_list, with_stage, without_references
from .parts import ON_FEATURES, ON_LAST, ON_MAPS, Form

Mutation = Callable[[Random, Net], "Net | None"]

WIDTHS = ("out_channels", "out_features", "width", "growth", "c1", "pool", "channels", "expanded", "squeeze")
INTS = (*WIDTHS, "groups", "num_groups", "chunks", "upscale_factor", "expansion", "bottleneck", "n", "size")
SIZES = ("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "scale_factor", "scale")
FLAGS = ("bias", "affine", "ceil_mode", "count_include_pad", "per_channel", "channelwise", "elementwise_affine")


# -- places -------------------------------------------------------------------------------------------------------------


def places(net: Net, wanted: Callable[[Stage], bool] = lambda stage: True) -> list[Where]:
    """The places of stages that are wanted."""
    return [where for where, stage in walk(net.stages) if wanted(stage)]


def pick(rng: Random, net: Net, wanted: Callable[[Stage], bool] = lambda stage: True) -> Where | None:
    found = places(net, wanted)
    return rng.choice(found) if found else None


def with_attrs(net: Net, where: Where, **attrs: Any) -> Net:
    stage = at(net, where)
    return with_stage(net, where, replace(stage, attrs={**stage.attrs, **attrs}))


def fresh(net: Net) -> str:
    """A name that no stage has."""
    used = {stage.name for _, stage in walk(net.stages)}
    return next(f"m{count}" for count in range(len(used) + 1) if f"m{count}" not in used)


def insert_after(net: Net, where: Where, kind: str, attrs: dict[str, Any]) -> Net:
    """A new stage behind the one at `where`, for all that took its output."""
    old, new = at(net, where), Stage(fresh(net), kind, attrs)
    above, index = where[:-1], where[-1]
    stages = siblings(net, where)
    if any(f"{old.name}.*" in stage.inputs for stage in stages):
        return net
    later = without_references(stages[index + 1 :], old.name, new.name)
    return with_list(net, above, (*stages[: index + 1], new, *later)) if above else replace(
        net,
        stages=(*stages[: index + 1], new, *later),
        outputs=tuple(dict.fromkeys(new.name if one == old.name else one for one in net.outputs)),
    )  # fmt: skip


PLANTS: Mapping[str, dict[str, Any]] = {
    "conv": {"out_channels": 4, "kernel_size": 3, "padding": 1, "stride": 1, "dilation": 1, "groups": 1},
    "conv_transpose": {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
    "max_pool": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    "avg_pool": {"kernel_size": 2, "stride": 2, "padding": 0},
    "adaptive_max_pool": {"output_size": 3},
    "adaptive_avg_pool": {"output_size": 3},
    "upsample": {"scale_factor": 2},
    "pad": {"padding": 1},
    "chunk": {"chunks": 1, "index": 0},
    "group_norm": {"num_groups": 1},
    "local_response_norm": {"size": 3},
    "batch_norm": {"eps": 1e-5, "momentum": 0.1},
    "layer_norm": {"eps": 1e-5},
    "elu": {"alpha": 1.0},
    "softplus": {"beta": 1.0},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "dropout": {"p": 0.5},
    "stochastic_depth": {"p": 0.2},
    "residual": {"out_channels": 4},
    "bottleneck": {"width": 4, "expansion": 1, "groups": 2},
    "inverted_residual": {"out_channels": 4, "drop": 0.1, "squeeze": 1},
    "inception": {"c1": 2, "c3": (1, 2), "c5": (1, 2), "pool": 1},
    "dense": {"growth": 2, "bottleneck": 2},
    "vgg": {"out_channels": 3, "n": 2},
    "squeeze_excite": {"channels": 2},
    "pixel_shuffle": {"upscale_factor": 1},
    "linear": {"out_features": 4},
}
"""What is put behind a convolution where a network lacks what an operator would change."""


def chosen(rng: Random, net: Net, wanted: Callable[[Stage], bool]) -> tuple[Net, Where] | None:
    """A stage that is wanted; where there is none, the network with one more, behind a convolution."""
    where = pick(rng, net, wanted)
    if where is not None and rng.random() < 0.8:
        return net, where
    behind = pick(rng, net, lambda s: s.kind == "conv")
    kinds = [kind for kind, attrs in PLANTS.items() if wanted(Stage("", kind, dict(attrs)))]
    if behind is None or not kinds:
        return None if where is None else (net, where)
    kind = rng.choice(kinds)
    more = insert_after(net, behind, kind, dict(PLANTS[kind]))
    return None if more is net else (more, (*behind[:-1], behind[-1] + 1))


def change(
    field: str, values: Callable[[Random, int], int], kinds: tuple[str, ...] = (), default: int | None = None
) -> Mutation:
    """Another value of an attribute where it is given, or where one of `kinds` has it by default; of one axis in a tuple."""

    def mutate(rng: Random, net: Net) -> Net | None:
        found = chosen(rng, net, lambda s: field in s.attrs or s.kind in kinds)
        if found is None:
            return None
        net, where = found
        old = at(net, where).attrs.get(field, default)
        if isinstance(old, tuple):
            index = rng.randrange(len(old))
            return with_attrs(net, where, **{field: (*old[:index], values(rng, old[index]), *old[index + 1 :])})
        if old is None or isinstance(old, bool):
            return None
        if field in SIZES and net.rank > 1 and rng.random() < 0.3:
            index = rng.randrange(net.rank)
            new = tuple(values(rng, old) if axis == index else old for axis in range(net.rank))
            return with_attrs(net, where, **{field: new})
        return with_attrs(net, where, **{field: values(rng, old)})

    return mutate


def around(*steps: int) -> Callable[[Random, int], int]:
    return lambda rng, old: old + rng.choice(steps)


def one_of(*values: int) -> Callable[[Random, int], int]:
    return lambda rng, old: rng.choice([value for value in values if value != old])


CONVS = ("conv", "conv_transpose")
WINDOWS = (*CONVS, "max_pool", "avg_pool")


# -- numbers ------------------------------------------------------------------------------------------------------------


def width(rng: Random, net: Net) -> Net | None:
    return change(rng.choice(WIDTHS), around(-1, 1))(rng, net)


def width_in_a_branch(rng: Random, net: Net) -> Net | None:
    """A width off by one in something that a merge takes."""

    def in_branch(where: Where, stage: Stage) -> bool:
        named = [at(net, where[:end]).name for end in range(1, len(where) + 1)]
        wide = any(field in stage.attrs for field in WIDTHS)
        return wide and any(name in merged for name in named)

    merged = {one for _, s in walk(net.stages) if s.kind in MERGES for one in s.inputs}
    found = [where for where, stage in walk(net.stages) if in_branch(where, stage)]
    if not found:
        return None
    where = rng.choice(found)
    field = next(field for field in WIDTHS if field in at(net, where).attrs)
    return with_attrs(net, where, **{field: at(net, where).attrs[field] + rng.choice((-1, 1))})


def stride_in_a_branch(rng: Random, net: Net) -> Net | None:
    merged = {one for _, s in walk(net.stages) if s.kind in MERGES for one in s.inputs}
    where = pick(rng, net, lambda s: s.name in merged and s.kind in WINDOWS)
    return None if where is None else with_attrs(net, where, stride=rng.randint(1, 4))


def smaller_input(rng: Random, net: Net) -> Net | None:
    if not net.sizes:
        return None
    if rng.random() < 0.2:
        return replace(net, sizes=(rng.randint(1, 3),) * net.rank)
    axis = rng.randrange(net.rank)
    if net.sizes[axis] == 1:
        return None
    new = max(1, net.sizes[axis] - rng.choice((1, 1, 2, 3, 20)))
    return replace(net, sizes=(*net.sizes[:axis], new, *net.sizes[axis + 1 :]))


def larger_input(rng: Random, net: Net) -> Net | None:
    if not net.sizes:
        return None
    axis = rng.randrange(net.rank)
    return replace(net, sizes=(*net.sizes[:axis], net.sizes[axis] + rng.randint(1, 5), *net.sizes[axis + 1 :]))


def empty_input(rng: Random, net: Net) -> Net | None:
    bad = rng.choice((0, -1))
    if not net.sizes or rng.random() < 0.3:
        return replace(net, channels=bad)
    axis = rng.randrange(net.rank)
    return replace(net, sizes=(*net.sizes[:axis], bad, *net.sizes[axis + 1 :]))


def input_channels(rng: Random, net: Net) -> Net | None:
    return replace(net, channels=max(1, net.channels + rng.choice((-1, 1, 2))))


def zero(rng: Random, net: Net) -> Net | None:
    return change(rng.choice((*INTS, *SIZES)), lambda rng, old: 0)(rng, net)


def negative(rng: Random, net: Net) -> Net | None:
    return change(rng.choice((*INTS, *SIZES)), one_of(-1, -2))(rng, net)


def half(rng: Random, net: Net) -> Net | None:
    """A number that is not whole where torch wants an int, and may not where it takes a float."""
    field = rng.choice((*INTS, *SIZES))
    found = chosen(rng, net, lambda s: isinstance(s.attrs.get(field), int))
    return None if found is None else with_attrs(*found, **{field: at(*found).attrs[field] + 0.5})


def wrong_length(rng: Random, net: Net) -> Net | None:
    """A list of sizes for another rank."""
    field = rng.choice(SIZES)
    found = chosen(rng, net, lambda s: field in s.attrs and s.kind != "pad")
    if found is None or not net.rank:
        return None
    net, where = found
    old = at(net, where).attrs[field]
    values = old if isinstance(old, tuple) else (old,) * net.rank
    longer = (*values, values[-1]) if rng.random() < 0.5 or net.rank == 1 else values[:-1]
    return with_attrs(net, where, **{field: longer})


def axes_apart(rng: Random, net: Net) -> Net | None:
    """A list in place of one size."""
    field = rng.choice(SIZES)
    found = chosen(
        rng, net, lambda s: type(s.attrs.get(field)) is int and s.kind not in ("pad", "inverted_residual", "ghost")
    )
    if found is None or not net.rank:
        return None
    net, where = found
    old = at(net, where).attrs[field]
    return with_attrs(net, where, **{field: tuple(max(0, old + rng.choice((0, 0, 1, -1))) for _ in range(net.rank))})


def half_the_window(rng: Random, net: Net) -> Net | None:
    """Padding around half of a pool's window and over it."""
    found = chosen(rng, net, lambda s: s.kind in ("max_pool", "avg_pool"))
    if found is None:
        return None
    net, where = found
    kernel = at(net, where).attrs["kernel_size"]
    largest = max(kernel) if isinstance(kernel, tuple) else kernel
    return with_attrs(net, where, padding=largest // 2 + rng.choice((0, 1)))


def out_of_range(rng: Random, net: Net) -> Net | None:
    """A probability outside 0 to 1, constants without meaning."""
    field = rng.choice(("p", "p", "eps", "momentum", "alpha", "beta", "min_val", "drop"))
    found = chosen(rng, net, lambda s: field in s.attrs or (field == "p" and s.kind == "dropout"))
    return None if found is None else with_attrs(*found, **{field: rng.choice((-0.5, 1.5, 3.0, 0.0, 1.0))})


def wrong_scalar(rng: Random, net: Net) -> Net | None:
    """A bool for a number, a number or text for a bool."""
    if rng.random() < 0.4:
        field = rng.choice(FLAGS)
        found = chosen(rng, net, lambda s: field in s.attrs or (field == "bias" and s.kind in (*CONVS, "linear")))
        return None if found is None else with_attrs(*found, **{field: rng.choice(("false", "true", 1, 0))})
    field = rng.choice((*INTS, *SIZES, "p", "eps", "init_value"))
    found = chosen(rng, net, lambda s: field in s.attrs)
    return None if found is None else with_attrs(*found, **{field: rng.choice((True, False, "3"))})


def many_copies(rng: Random, net: Net) -> Net | None:
    """More copies, of which one may not take what another gives."""
    where = pick(rng, net, lambda s: len(s.inputs) < 2 and s.kind not in MERGES)
    if where is None:
        return None
    stage = at(net, where)
    return with_stage(net, where, replace(stage, repeat=(stage.repeat or 1) + rng.randint(1, 3), named=True))


def chunks(rng: Random, net: Net) -> Net | None:
    found = chosen(rng, net, lambda s: s.kind == "chunk")
    if found is None:
        return None
    net, where = found
    field = rng.choice(("chunks", "index"))
    return with_attrs(net, where, **{field: at(net, where).attrs[field] + rng.choice((-1, 1, 2))})


def padding_list(rng: Random, net: Net) -> Net | None:
    """Another count of paddings, another mode, or more rows than there are."""
    found = chosen(rng, net, lambda s: s.kind == "pad")
    if found is None or not net.rank:
        return None
    net, where = found
    choice, old = rng.random(), at(net, where).attrs["padding"]
    values = old if isinstance(old, tuple) else (old,) * 2 * net.rank
    if choice < 0.35:
        return with_attrs(net, where, padding=rng.choice((values[:-2], (*values, 1, 1), values[:-1], (*values, 1))))
    if choice < 0.6:
        return with_attrs(net, where, mode=rng.choice(("reflect", "replicate", "constant")))
    index = rng.randrange(len(values)) if values else 0
    worse = rng.choice((-9, -3, -2, -1, 4, 9))
    return with_attrs(net, where, padding=(*values[:index], worse, *values[index + 1 :]))


def flag(rng: Random, net: Net) -> Net | None:
    """A bool turned round."""
    field = rng.choice(("ceil_mode", "ceil_mode", *FLAGS))
    kinds = {"ceil_mode": ("max_pool", "avg_pool"), "per_channel": ("prelu",), "channelwise": ("dropout",)}
    found = chosen(rng, net, lambda s: field in s.attrs or s.kind in kinds.get(field, ()))
    if found is None:
        return None
    net, where = found
    return with_attrs(net, where, **{field: not at(net, where).attrs.get(field, False)})


# -- structure ----------------------------------------------------------------------------------------------------------


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


OPERATORS: Mapping[str, Mutation] = {
    "width off by one": width,
    "width off by one in a branch": width_in_a_branch,
    "stride": change("stride", one_of(1, 2, 3, 4), CONVS, 1),
    "stride in a branch": stride_in_a_branch,
    "kernel_size": change("kernel_size", around(-1, 1, 2, 4), ("conv_norm_act",), 3),
    "padding": change("padding", around(-1, 1, 2), WINDOWS, 0),
    "output_padding": change("output_padding", around(-1, 1, 2), ("conv_transpose",), 0),
    "dilation": change("dilation", around(1, 2, 3), (*CONVS, "max_pool", "bottleneck"), 1),
    "groups": change("groups", one_of(2, 3, 4, 5), (*CONVS, "bottleneck"), 1),
    "smaller input": smaller_input,
    "larger input": larger_input,
    "empty input": empty_input,
    "input channels": input_channels,
    "zero": zero,
    "negative": negative,
    "fraction": half,
    "list of another rank": wrong_length,
    "axes apart": axes_apart,
    "padding over half the window": half_the_window,
    "number out of range": out_of_range,
    "wrong scalar": wrong_scalar,
    "more copies": many_copies,
    "fewer copies": ungrouped,
    "chunks": chunks,
    "pad": padding_list,
    "flag": flag,
    "num_groups": change("num_groups", around(1, 2, 3)),
    "channel_shuffle": inserted("channel_shuffle", groups=2),
    "pixel_shuffle": inserted("pixel_shuffle", upscale_factor=2),
    "upsample factor": change("scale_factor", around(1, 2)),
    "fuse scale": change("scale", around(-1, 1), ("fuse",), 2),
    "adaptive output size": change("output_size", around(-1, 1, 2)),
    "prelu": inserted("prelu", per_channel=True),
    "dropped stage": dropped,
    "dropped flatten": dropped_flatten,
    "dropped layout change": dropped_layout,
    "extra flatten": inserted("flatten"),
    "extra linear": inserted("linear", out_features=4),
    "extra channels_last": inserted("channels_last"),
    "extra anything": inserted_anything,
    "doubled stage": doubled,
    "swapped neighbours": swapped,
    "exchanged stages": exchanged,
    "another source": rewired,
    "another merge": another_merge,
    "merged inputs": merged_inputs,
    "merge of other sizes": in_a_branch(
        ("max_pool", {"kernel_size": 2}), ("global_avg_pool", {}), ("upsample", {"scale_factor": 2})
    ),
    "merge of other channels": in_a_branch(
        ("conv", {"out_channels": 1, "kernel_size": 1}), ("conv", {"out_channels": 5, "kernel_size": 1})
    ),
    "merge of other axes": in_a_branch(("flatten", {}), ("channels_last", {})),
    "two inputs": many_inputs,
    "another kind": another_kind,
    "shortcut": shortcut,
}
"""The operators by name."""


def mutated(net: Net, rng: Random) -> tuple[str, Net]:
    """One operator's change of a network, and the operator's name."""
    names = list(OPERATORS)
    while True:
        name = rng.choice(names)
        for _ in range(12):
            new = OPERATORS[name](rng, net)
            if new is not None and new != net:
                return name, new
