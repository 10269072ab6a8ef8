"""Mutations of attributes and of the input's size."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from .change import CONVS, FLAGS, INTS, SIZES, WIDTHS, WINDOWS, around, change, chosen, one_of, pick, with_attrs
from .net import MERGES, Net, Stage, Where, at, walk, with_stage


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
    found = chosen(rng, net, lambda s: type(s.attrs.get(field)) is int and s.kind != "pad")
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
