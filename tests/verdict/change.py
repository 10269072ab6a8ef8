"""What mutations are made of: places in a network, and changes of one attribute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from .net import Net, Stage, Where, at, siblings, walk, with_list, with_stage, without_references

Mutation = Callable[[Random, Net], "Net | None"]

WIDTHS = ("out_channels", "out_features", "width", "growth", "c1", "pool", "channels", "expanded", "squeeze")
INTS = (*WIDTHS, "groups", "num_groups", "chunks", "upscale_factor", "expansion", "bottleneck", "n", "size")
SIZES = ("kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "scale_factor", "scale")
CONVS = ("conv", "conv_transpose")
WINDOWS = (*CONVS, "max_pool", "avg_pool")
FLAGS = ("bias", "affine", "ceil_mode", "count_include_pad", "per_channel", "channelwise", "elementwise_affine")


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
    """A new stage behind the one at `where`, for all that took its output; none where a merge takes every copy of it."""
    old, new = at(net, where), Stage(fresh(net), kind, attrs)
    stages, index = siblings(net, where), where[-1]
    if any(f"{old.name}.*" in stage.inputs for stage in stages):
        return net
    later = without_references(stages[index + 1 :], old.name, new.name)
    changed = with_list(net, where[:-1], (*stages[: index + 1], new, *later))
    if len(where) > 1:
        return changed
    return replace(changed, outputs=tuple(new.name if one == old.name else one for one in net.outputs))


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
    "normalize": {"mean": (0.5,), "std": (0.25,)},
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
