"""Random networks that the shape rules allow, as specs."""

from __future__ import annotations

import random
from typing import Any

ACTIVATIONS = (
    "relu",
    "gelu",
    "silu",
    "hardswish",
    "hardsigmoid",
    "mish",
    "tanh",
    "sigmoid",
    "elu",
    "celu",
    "selu",
    "softplus",
    "softsign",
    "relu6",
    "leaky_relu",
    "hardtanh",
)
AXES = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
NORMS = ("batch_norm", "layer_norm", "rms_norm", "local_response_norm")


def sizes(rng: random.Random, rank: int, low: int, high: int) -> int | list[int]:
    """One size for all axes, or one for each."""
    return rng.randint(low, high) if rng.random() < 0.6 else [rng.randint(low, high) for _ in range(rank)]


def conv(rng: random.Random, rank: int) -> dict[str, Any]:
    """A convolution, perhaps grouped, dilated or transposed."""
    stage: dict[str, Any] = {
        "type": rng.choice(("conv", "conv", "conv_transpose")),
        "out_channels": rng.choice((2, 4, 6, 8)),
        "kernel_size": sizes(rng, rank, 1, 3),
    }
    for name, low, high in (("stride", 1, 2), ("padding", 0, 2), ("dilation", 1, 2)):
        if rng.random() < 0.4:
            stage[name] = sizes(rng, rank, low, high)
    if rng.random() < 0.3:
        stage["groups"] = 2
    if rng.random() < 0.3:
        stage["bias"] = False
    if stage["type"] == "conv_transpose" and rng.random() < 0.15:
        stage["output_padding"] = 1
    return stage


def pool(rng: random.Random, rank: int) -> dict[str, Any]:
    """A pool with a window, or an adaptive one."""
    if rng.random() < 0.25:
        return {"type": rng.choice(("adaptive_avg_pool", "adaptive_max_pool")), "output_size": sizes(rng, rank, 1, 4)}
    stage: dict[str, Any] = {"type": rng.choice(("max_pool", "avg_pool")), "kernel_size": sizes(rng, rank, 1, 3)}
    for name, low, high in (("stride", 1, 3), ("padding", 0, 1)):
        if rng.random() < 0.5:
            stage[name] = sizes(rng, rank, low, high)
    stage["ceil_mode"] = rng.random() < 0.5
    if stage["type"] == "avg_pool" and rng.random() < 0.5:
        stage["count_include_pad"] = False
    return stage


def other(rng: random.Random, rank: int) -> dict[str, Any]:
    """Anything else that keeps the form of a map."""
    return rng.choice(
        (
            {"type": rng.choice(NORMS)},
            {"type": rng.choice(ACTIVATIONS)},
            {"type": "group_norm", "num_groups": 2},
            {"type": "prelu", "per_channel": rng.random() < 0.5},
            {"type": "upsample", "scale_factor": 2, "mode": rng.choice(("nearest", "linear"))},
            {"type": "pad", "padding": [rng.randint(0, 2) for _ in range(2 * rank)], "mode": rng.choice(("constant", "reflect", "replicate"))},
            {"type": "channel_shuffle", "groups": 2},
            {"type": "chunk", "chunks": 2, "index": rng.randint(0, 1)},
            {"type": "dropout", "p": 0.3},
            {"type": "scale", "init_value": 0.5},
            {"type": "softmax"},
            {"stages": [{"type": "channels_last"}, {"type": "layer_norm"}, {"type": "linear", "out_features": 4}, {"type": "gelu"}, {"type": "channels_first"}]},
            {"type": "squeeze_excite", "channels": 2},
            {"type": "conv_norm_act", "out_channels": 4, "repeat": 2, "stride": rng.randint(1, 2)},
            {"name": f"res{rng.randint(0, 10**6)}", "stages": [{"name": "body", "type": "conv_norm_act", "out_channels": 4}, {"name": "skip", "from": "input", "type": "conv", "out_channels": 4, "kernel_size": 1},
                                           {"name": "join", "type": rng.choice(("add", "multiply", "concat")), "from": ["body", "skip"]}]},
        )
    )  # fmt: skip


def random_spec(seed: int) -> dict[str, Any]:
    """A spec of five to twelve random stages; nothing says that it is valid."""
    rng = random.Random(seed)
    rank = rng.choice((1, 2, 2, 2, 3))
    low, high = (6, 20) if rank < 3 else (4, 8)
    stages = []
    for at in range(rng.randint(4, 11)):
        stage = rng.choice((conv, conv, pool, other, other, other))(rng, rank)
        if stage.get("type") == "local_response_norm":
            stage["size"] = rng.randint(1, 4)
        stages.append({"name": f"s{at}", **stage} if "name" not in stage and rng.random() < 0.7 else stage)
    if rng.random() < 0.5:
        stages += [
            {"name": "flatten", "type": "flatten"},
            {"name": "fc", "type": "linear", "out_features": 5},
            {"name": "bn", "type": "batch_norm"},
        ]
    axes: dict[str, Any] = {name: rng.randint(low, high) for name in AXES[rank]}
    if rng.random() < 0.4:
        axes = {name: {"min": size, "default": size} for name, size in axes.items()}
    return {"archc": 1, "name": f"random{seed}", "input": {"channels": rng.choice((2, 4)), **axes}, "stages": stages}


def resizing(rng: random.Random) -> dict[str, Any]:
    """A stage that changes sizes."""
    return rng.choice(
        (
            {"type": "conv", "out_channels": 2, "kernel_size": rng.randint(1, 4), "stride": rng.randint(1, 4), "padding": rng.randint(0, 2)},
            {"type": "max_pool", "kernel_size": rng.randint(2, 4), "stride": rng.randint(1, 4), "padding": rng.randint(0, 1), "ceil_mode": rng.random() < 0.5},
            {"type": "upsample", "scale_factor": rng.randint(2, 4)},
            {"type": "conv_transpose", "out_channels": 2, "kernel_size": rng.randint(1, 4), "stride": rng.randint(1, 3), "padding": rng.randint(0, 1)},
            {"type": "pad", "padding": [rng.randint(-2, 3), rng.randint(-2, 3)]},
            {"type": "adaptive_avg_pool", "output_size": rng.randint(1, 3)},
            {"type": "flatten"},
        )
    )  # fmt: skip


def tangled_spec(seed: int) -> dict[str, Any]:
    """A sequence through stages that resize, join and flatten anything; nothing says that it is valid."""
    rng = random.Random(seed)
    maps, features, stages = ["input"], [], []
    for at in range(rng.randint(3, 9)):
        kind = rng.randint(0, 9)
        if kind < 7:
            stage = {**resizing(rng), "from": rng.choice(maps)}
        elif kind < 9 and len(maps) > 1:
            inputs = rng.sample(maps, min(len(maps), rng.randint(2, 3)))
            stage = {"type": rng.choice(("add", "multiply", "multiply", "concat")), "from": inputs}
        elif features:
            one, other = rng.choice(features), rng.choice(features)
            stage = rng.choice(
                (
                    {"type": "linear", "out_features": rng.randint(1, 8), "from": one},
                    {"type": "chunk", "chunks": rng.randint(2, 3), "index": 0, "from": one},
                    {"type": "concat", "from": [one, other]},
                    {"type": "add", "from": [one, other]},
                )
            )
        else:
            continue
        flat = stage["type"] in ("flatten", "linear", "chunk") or stage["from"][0] in features
        (features if flat else maps).append(f"s{at}")
        stages.append({"name": f"s{at}", **stage})
    outputs = [stage["name"] for stage in stages]
    return {
        "archc": 1,
        "name": f"tangled{seed}",
        "input": {"channels": 2, "length": rng.randint(4, 30)},
        "stages": stages,
        "outputs": outputs,
    }
