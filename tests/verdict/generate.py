"""Random networks that run in PyTorch: each stage is tried on what arrives, and kept where torch takes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import torch

from .eager import Builder, Chain, Scope, TooLarge, Value, observed
from .judge import REFUSALS
from .net import Net, Stage
from .parts import Form, random_part, sizes, width

MAX_VALUE = 4_000
"""Elements of a value for a batch of two, so that a run takes no time."""


@dataclass
class Names:
    """Fresh names for stages."""

    rng: Random
    count: int = 0

    def fresh(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def stage(self, kind: str, attrs: dict[str, object], inputs: tuple[str, ...] = ()) -> Stage:
        return Stage(self.fresh(), kind, dict(attrs), inputs, named=self.rng.random() < 0.7)


@dataclass
class Bench:
    """A list of stages in the making: what each gives, tried by running it."""

    rng: Random
    names: Names
    rank: int
    given: Value
    depth: int = 0
    stages: list[Stage] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def value(self) -> Value:
        return self.values[self.stages[-1].name] if self.stages else self.given

    @property
    def last(self) -> str:
        return self.stages[-1].name if self.stages else "input"

    def form(self, value: Value) -> Form:
        """What stands there, for those who choose the next stage."""
        shape = list(value.data.shape[1:])
        channels = shape.pop(-1 if value.last else 0)
        return Form(channels, tuple(shape), value.last, self.rank)

    def attempt(self, stage: Stage, *given: Value) -> Value | None:
        """What a stage makes of its inputs; None where torch refuses, or where archc is stricter."""
        builder = Builder(self.rank)
        names = tuple(f"x{at}" for at in range(len(given)))
        try:
            with observed(builder.classes), torch.no_grad():
                value = run(builder, replace(stage, inputs=names), dict(zip(names, given, strict=True)))
        except (*REFUSALS, TooLarge):
            return None
        return None if builder.classes or not 0 < value.data.numel() <= MAX_VALUE else value

    def add(self, stage: Stage, *given: Value) -> bool:
        """Append a stage if it fits."""
        value = self.attempt(stage, *given)
        if value is not None:
            self.stages.append(stage)
            self.values[stage.name] = value
        return value is not None

    # -- what a list may get ----------------------------------------------------------------------------------------

    def single(self) -> bool:
        """One op or block, perhaps repeated."""
        for _ in range(8):
            stage = self.names.stage(*random_part(self.rng, self.form(self.value)))
            if self.rng.random() < 0.15:
                stage = replace(stage, repeat=self.rng.randint(1, 3), named=True)
            if self.add(stage, self.value):
                return True
        return False

    def group(self) -> bool:
        """Stages in a list of their own, perhaps repeated."""
        inner = Bench(self.rng, self.names, self.rank, self.value, self.depth + 1)
        inner.grow(self.rng.randint(1, 4))
        if not inner.stages:
            return False
        repeat = self.rng.randint(1, 3) if self.rng.random() < 0.4 else None
        stage = replace(self.names.stage("group", {}), children=tuple(inner.stages), repeat=repeat)
        return self.add(stage, self.value) or self.add(replace(stage, repeat=None), self.value)

    def fork(self) -> bool:
        """Two or three branches from what stands there, and their merge; a branch may be the value itself."""
        source, value = self.last, self.value
        kept = len(self.stages)
        for _ in range(6):
            kind = self.rng.choice(("add", "add", "multiply", "concat", "concat"))
            branches = self.branches(kind, value)
            inputs = []
            for branch in branches:
                if branch is not None and not self.add(replace(branch, inputs=(source,)), value):
                    break
                inputs.append(source if branch is None else branch.name)
            merge = self.names.stage(kind, {}, tuple(inputs))
            given = [value if name == source else self.values[name] for name in inputs]
            if len(inputs) == len(branches) and self.add(merge, *given):
                return True
            del self.stages[kept:]
        return False

    def branches(self, kind: str, value: Value) -> list[Stage | None]:
        """Branches likely to give values that go together; None for the value itself."""
        rng, form = self.rng, self.form(value)
        count = rng.choice((2, 2, 3))
        if not form.sizes or form.last:
            return [self.names.stage("linear", {"out_features": form.channels}), None, None][:count]
        stride, out = sizes(rng, self.rank, 1, 2), width(rng)
        made: list[Stage | None] = []
        for _ in range(count):
            own = out if kind != "concat" else width(rng)
            reach = rng.choice((1, 3, 5))
            attrs = {"out_channels": own, "kernel_size": reach, "padding": reach // 2, "stride": stride}
            stage = self.names.stage("conv", attrs)
            choice = rng.random()
            if choice < 0.3:
                then = [self.names.stage(*random_part(rng, Form(own, form.sizes, False, self.rank))) for _ in range(1)]
                stage = replace(self.names.stage("group", {}), children=(replace(stage, inputs=()), *then))
            elif choice < 0.45 and kind == "multiply":
                gate = (
                    self.names.stage("global_avg_pool", {}),
                    self.names.stage("conv", {"out_channels": out, "kernel_size": 1}),
                )
                stage = replace(self.names.stage("group", {}), children=gate)
            elif choice < 0.5:
                stage = self.names.stage("conv_transpose", {**attrs, "stride": 1})
            made.append(stage)
        if stride == 1 and rng.random() < 0.4 and (kind == "concat" or out == form.channels):
            made[-1] = None
        return made

    def hourglass(self) -> bool:
        """Down, up, and a merge with what was before."""
        source, value = self.last, self.value
        if self.form(value).last or not self.form(value).sizes:
            return False
        stage, name, down = self.names.stage, self.names.fresh, self.rng.randint(2, 3)
        first = stage("max_pool", {"kernel_size": down, "ceil_mode": self.rng.random() < 0.3}, (source,))
        first = replace(first, name=name(), named=True)
        kept = len(self.stages)
        if self.add(first, value):
            if self.rng.random() < 0.5:
                fuse = stage("fuse", {"out_channels": width(self.rng), "scale": down}, (first.name, source))
                if source != "input" and self.add(fuse, self.value, value):
                    return True
            up = stage("upsample", {"scale_factor": down, "mode": self.rng.choice(("nearest", "linear"))})
            kind = self.rng.choice(("add", "concat", "multiply"))
            if self.add(up, self.value) and self.add(stage(kind, {}, (source, up.name)), value, self.value):
                return True
        del self.stages[kept:]
        return False

    def copies(self) -> bool:
        """A repeated stage, and a merge of its copies, with what was before or without."""
        form = self.form(self.value)
        if form.last or not form.sizes:
            return False
        attrs = {"out_channels": width(self.rng), "kernel_size": 3, "padding": 1}
        layers = replace(self.names.stage("conv", attrs), repeat=self.rng.randint(2, 3), named=True)
        copies = f"{layers.name}.*"
        inputs = ("input", copies) if self.rng.random() < 0.5 else (copies,)
        kind = "concat" if len(inputs) > 1 else self.rng.choice(("add", "concat"))
        merge = self.names.stage(kind, {}, inputs)
        return self.add(replace(self.names.stage("group", {}), children=(layers, merge)), self.value)

    def head(self) -> bool:
        """Features and a few layers on them."""
        if self.depth or not self.form(self.value).sizes:
            return False
        if self.rng.random() < 0.5 and not self.form(self.value).last:
            self.add(self.names.stage(self.rng.choice(("global_avg_pool", "global_max_pool")), {}), self.value)
        done = self.add(self.names.stage("flatten", {}), self.value)
        return done and self.add(self.names.stage("linear", {"out_features": width(self.rng)}), self.value)

    def layout(self) -> bool:
        """A part with the channels behind."""
        if self.form(self.value).last or not self.form(self.value).sizes:
            return False
        kept = len(self.stages)
        kinds = ("channels_last", self.rng.choice(("layer_norm", "gelu", "rms_norm")), "linear", "channels_first")
        for kind in kinds:
            if not self.add(self.names.stage(kind, {"out_features": 4} if kind == "linear" else {}), self.value):
                del self.stages[kept:]
                return False
        return True

    def grow(self, count: int) -> None:
        """Append about `count` stages."""
        choices: list[tuple[Callable[[], bool], int]] = [(self.single, 12), (self.fork, 4), (self.hourglass, 2)]
        choices += [(self.copies, 1), (self.layout, 1), (self.group, 3 if self.depth < 2 else 0)]
        kinds, weights = zip(*choices, strict=True)
        for _ in range(count):
            self.rng.choices(kinds, weights)[0]()


def run(builder: Builder, stage: Stage, values: dict[str, Value]) -> Value:
    """One stage on values."""
    scope = Scope(dict(values))
    builder.stage(stage, stage.name, Chain(), scope)
    return scope.values[scope.last]


def random_net(seed: int) -> Net:
    """A network that builds and runs, by its seed."""
    rng = Random(seed)
    torch.manual_seed(seed)
    rank = rng.choice((0, 1, 1, 2, 2, 2, 2, 2, 3))
    low, high = (4, 16) if rank < 3 else (3, 7)
    shape = tuple(rng.randint(low, high) for _ in range(rank))
    channels = rng.randint(1, 6)
    bench = Bench(rng, Names(rng), rank, Value(torch.randn(2, channels, *shape)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench.grow(rng.randint(2, 9))
        if rng.random() < 0.4:
            bench.head()
        while not bench.stages:
            bench.single()
    return Net(channels, shape, tuple(bench.stages), outputs_of(rng, bench))


def outputs_of(rng: Random, bench: Bench) -> tuple[str, ...]:
    """Perhaps a second output, beside the last stage."""
    if rng.random() > 0.1:
        return ()
    return tuple(dict.fromkeys((rng.choice(bench.stages).name, bench.last)))
