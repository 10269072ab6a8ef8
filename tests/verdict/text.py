"""From the neutral form to a spec: YAML, or the JSON that is YAML too."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from .net import AXES, Net, Stage, labels, walk

DEFINITIONS = {
    "fuse": {
        "inputs": ["x", "skip"],
        "params": {"out_channels": {"type": "int", "min": 1}, "scale": {"type": "sizes", "default": 2}, "act": {"type": "block", "default": "relu"}},
        "stages": [
            {"name": "up", "type": "upsample", "from": "x", "scale_factor": "$scale"},
            {"name": "join", "type": "concat", "from": ["up", "skip"]},
            {"name": "conv", "type": "conv", "out_channels": "$out_channels", "kernel_size": 3, "padding": 1},
            {"name": "act", "type": "$act"},
        ],
    },
    "step": {
        "params": {"out_channels": {"type": "int", "min": 1}, "stride": {"type": "sizes", "default": 1}},
        "stages": [
            {"name": "conv", "type": "conv", "out_channels": "$out_channels", "kernel_size": 3, "stride": "$stride", "padding": 1},
            {"name": "project", "from": "input", "when": "${in_channels != out_channels}", "type": "conv", "out_channels": "$out_channels", "kernel_size": 1, "stride": "$stride"},
            {"name": "add", "type": "add", "from": ["conv", "project"]},
        ],
    },
}  # fmt: skip
"""Blocks that the specs define themselves, where they use them."""


class Writer:
    """Writes one network; some numbers become params or expressions, as the generator of random numbers has it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.params: dict[str, Any] = {}

    def value(self, value: Any) -> Any:
        """An attribute as the spec has it."""
        if isinstance(value, tuple):
            return [self.value(one) for one in value]
        if type(value) is not int or self.rng.random() > 0.06:
            return value
        if self.rng.random() < 0.5:
            return f"${{{value - 1} + 1}}"
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f"${name}"

    def stage(self, stage: Stage, label: str) -> dict[str, Any]:
        """One stage as plain data, its fields in random order."""
        fields: list[tuple[str, Any]] = [(name, self.value(value)) for name, value in stage.attrs.items()]
        if stage.inputs:
            one = len(stage.inputs) == 1 and self.rng.random() < 0.5
            fields.append(("from", stage.inputs[0] if one else list(stage.inputs)))
        if stage.repeat is not None:
            fields.append(("repeat", self.value(stage.repeat)))
        self.rng.shuffle(fields)
        head = [("name", label)] if label == stage.name else []
        if stage.kind == "group":
            return dict([*head, *fields, ("stages", self.stages(stage.children))])
        return dict([*head, ("type", stage.kind), *fields])

    def stages(self, stages: Sequence[Stage], outputs: Sequence[str] = ()) -> list[dict[str, Any]]:
        """A list of stages as plain data."""
        return [self.stage(stage, label) for stage, label in zip(stages, labels(stages, outputs), strict=True)]

    def net(self, net: Net) -> dict[str, Any]:
        """The whole spec as plain data."""
        axes = dict(zip(AXES[net.rank], net.sizes, strict=True))
        spec: dict[str, Any] = {"archc": 1, "name": "net"}
        spec["input"] = {"channels": net.channels, **axes} if axes else {"features": net.channels}
        used = {stage.kind for _, stage in walk(net.stages)} & set(DEFINITIONS)
        stages = self.stages(net.stages, net.outputs)
        if self.params:
            spec["params"] = self.params
        if used:
            spec["blocks"] = {name: DEFINITIONS[name] for name in sorted(used)}
        spec["stages"] = stages
        if net.outputs:
            spec["outputs"] = list(net.outputs)
        return spec


def lines(stages: list[dict[str, Any]], indent: str) -> list[str]:
    """A list of stages as YAML: a line for each, groups in block style."""
    found = []
    for stage in stages:
        if "stages" not in stage:
            found.append(f"{indent}- {json.dumps(stage)}")
            continue
        rest = {key: value for key, value in stage.items() if key != "stages"}
        found += [f"{indent}{'-' if at == 0 else ' '} {key}: {json.dumps(rest[key])}" for at, key in enumerate(rest)]
        found.append(f"{indent}{' ' if rest else '-'} stages:")
        found += lines(stage["stages"], indent + "    ")
    return found


def spec_text(net: Net, seed: int = 0) -> str:
    """The spec of a network; `seed` chooses between spellings of the same."""
    rng = random.Random(seed)
    spec = Writer(rng).net(net)
    if rng.random() < 0.3:
        return json.dumps(spec, indent=1)
    head = [f"{key}: {json.dumps(value)}" for key, value in spec.items() if key not in ("stages", "outputs")]
    tail = [f"outputs: {json.dumps(spec['outputs'])}"] if "outputs" in spec else []
    return "\n".join([*head, "stages:", *lines(spec["stages"], "  "), *tail]) + "\n"
