"""Runs the targets of one network against each other: at every stage's output, in eval mode, with shared weights.

The ONNX file is compared twice: with every value exposed, and as it ships (where the runtime may fuse), at its outputs.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import torch
from torch import nn

from archc.backends.onnx import LIMIT, Form, Model, build, serialise, tensor_names, write_onnx
from archc.backends.python import to_python
from archc.backends.torch import to_torch
from archc.ir.graph import Axis, Graph
from archc.ir.ops import BatchNorm

Array = np.ndarray[Any, Any]

ABSOLUTE: Final = 1e-5
RELATIVE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two targets are apart at one place; `bound` is 1e-5 + 1e-4 · max|b|."""

    path: str
    difference: float
    bound: float

    @property
    def within(self) -> bool:
        """Whether the difference keeps to the bound (NaN does not)."""
        return self.difference <= self.bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """What running the targets against each other gave."""

    onnx: tuple[Difference, ...]
    """ONNX Runtime against torch: each stage, then each output of the file as it ships."""
    python: tuple[Difference, ...]
    """The generated source, loaded from a file, against the module: must be 0."""
    keys_agree: bool
    """Whether the source's state_dict has the module's keys and shapes."""
    unseen: tuple[str, ...]
    """Stages whose output no module shows, so that only what follows them is compared."""

    @property
    def agrees(self) -> bool:
        """Whether every comparison keeps to its bound."""
        exact = all(found.difference == 0.0 for found in self.python)
        return exact and self.keys_agree and all(found.within for found in self.onnx)

    @property
    def worst(self) -> Difference:
        """The stage where ONNX and torch differ most, measured by the bound."""
        return max(
            self.onnx,
            key=lambda found: found.difference / found.bound if found.difference == found.difference else float("inf"),
        )


def probe_state(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Tensors that keep every layer's output near unit size, so that a difference anywhere can be seen.

    PyTorch's default distributions let a deep network's values die away below the absolute bound. In residual networks
    values would grow from block to block until gates magnify rounding: batch norms have variances that fit.
    """
    state: dict[str, Array] = {}
    for at, (key, tensor, _) in enumerate(graph.tensors()):
        draw = np.random.default_rng((seed, at))
        if tensor.dtype == "int64":
            state[key] = np.zeros(tensor.shape, np.int64)
        elif len(tensor.shape) >= 2 and key.endswith("weight"):
            state[key] = (
                draw.standard_normal(tensor.shape, np.float32) * (2.0 / prod(tensor.shape[1:])) ** 0.5
            ).astype(np.float32)
        elif tensor.name in ("weight", "running_var", ""):
            state[key] = draw.uniform(0.8, 1.2, tensor.shape).astype(np.float32)
        else:
            state[key] = (draw.standard_normal(tensor.shape) * 0.1).astype(np.float32)
    return state | _variances(graph, state, seed)


def _variances(graph: Graph, state: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """Running variances that fit what arrives at each batch norm of inference.

    One factor for all channels and no other means: to take a channel's own mean away would magnify rounding.
    """
    norms = [node.path for node in graph.nodes if isinstance(node.op, BatchNorm) and node.path in graph.inference_nodes]
    if not norms:
        return {}
    net = to_torch(graph, state).eval()

    def fit(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        square = args[0].square().mean()
        if isinstance(module.running_var, torch.Tensor) and bool(square.isfinite()):
            module.running_var.mul_(square.clamp(min=1e-4))

    for path in norms:
        net.get_submodule(path).register_forward_pre_hook(fit)
    x = np.random.default_rng(seed).standard_normal((2, *graph.types[0].shape)).astype(np.float32)
    with torch.no_grad():
        net(torch.from_numpy(x))
    tensors = net.state_dict()
    return {f"{path}.running_var": tensors[f"{path}.running_var"].numpy() for path in norms}


def verify(
    graph: Graph,
    state: Mapping[str, Array],
    opset: int,
    seed: int = 0,
    *,
    fold: bool = False,
    batch: int | None = None,
) -> Verdict:
    """Compile `graph` to all targets with `state`, run them on the same random inputs, and compare every value.

    A batch of 2 at the default sizes and, where sizes are free, a batch of 3 at others that the spec allows. Where the
    ONNX file is to `fold`, the values that are left are compared with those of the module, which does not; where its
    `batch` is fixed, that is the batch.
    """
    form = Form(opset, fold, batch=batch)
    net = to_torch(graph, state).eval()
    source = _from_file(to_python(graph), graph)
    keys_agree = _shapes(source) == _shapes(net)
    if keys_agree:
        source.load_state_dict(net.state_dict(), assign=True)
    names, places = tensor_names(graph, form), _places(graph)
    onnx: list[Difference] = []
    python: list[Difference] = []
    xs = inputs(graph, seed, batch)
    # one session after the other, for each holds all weights
    opened, shipped = (_runs(build(graph, state, form, stage_outputs=stages), xs) for stages in (True, False))
    for x, inner, outer in zip(xs, opened, shipped, strict=True):
        seen = record(graph, net, x)
        shown = {path: value for path, value in places.items() if value in seen and value in names}
        inner["input"] = x  # what a dropout on the input gives
        onnx += [_difference(path, inner[names[value]], seen[value]) for path, value in shown.items()]
        results = zip(graph.live_outputs, outer.values(), strict=True)
        onnx += [_difference(out.name, result, seen[out.value]) for out, result in results]
        if keys_agree:
            again = record(graph, source.eval(), x)
            python += [_difference(path, again[value], seen[value]) for path, value in shown.items()]
    unseen = tuple(path for path in places if path not in shown)
    return Verdict(tuple(onnx), tuple(python), keys_agree, unseen)


def inputs(graph: Graph, seed: int = 0, batch: int | None = None) -> list[Array]:
    """The random inputs that targets are compared on, one for each of `trials`."""
    draw = np.random.default_rng(seed)
    shapes = [(batch or size, graph.input.channels, *sizes) for size, sizes in trials(graph)]
    return [draw.standard_normal(shape).astype(np.float32) for shape in shapes]


def trials(graph: Graph) -> list[tuple[int, tuple[int, ...]]]:
    """(batch, sizes) to run at: the defaults, and the next sizes up (or down) that free axes allow."""
    axes = graph.input.axes
    found = [(2, tuple(axis.default for axis in axes))]
    others = tuple(_neighbour(axis) for axis in axes)
    return found if others == found[0][1] else [*found, (3, others)]


def _neighbour(axis: Axis) -> int:
    up, down = axis.default + axis.multiple_of, axis.default - axis.multiple_of
    if not axis.free:
        return axis.default
    return up if axis.max is None or up <= axis.max else down if down >= axis.min else axis.default


def _places(graph: Graph) -> dict[str, int]:
    """Path -> value of every stage that lives in inference."""
    alive = {0} | {node.output for node in graph.nodes if node.path in graph.inference_nodes}
    nodes = {node.path: node.output for node in graph.nodes}
    return {
        path: value
        for path, value in {**nodes, **{s.path: s.output for s in graph.scopes}}.items()
        if value in alive and value != 0
    }


def record(graph: Graph, net: nn.Module, x: Array) -> dict[int, Array]:
    """Every value that a module takes or gives, by number, in one forward pass without gradients."""
    known = {node.path: (node.inputs, node.output) for node in graph.nodes}
    known |= {scope.path: (scope.inputs, scope.output) for scope in graph.scopes}
    seen: dict[int, Array] = {}

    def note(values: tuple[int, ...], tensors: tuple[Any, ...]) -> None:
        for value, tensor in zip(values, tensors, strict=False):
            if isinstance(tensor, torch.Tensor) and value not in seen:
                seen[value] = tensor.detach().numpy().copy()

    def before(values: tuple[int, ...]) -> Any:
        return lambda module, args: note(values, args)

    def after(value: int) -> Any:
        return lambda module, args, result: note((value,), (result,))

    handles = []
    for path, module in net.named_modules():
        if path in known:
            inputs, given = known[path]
            handles += [module.register_forward_pre_hook(before(inputs)), module.register_forward_hook(after(given))]
    with torch.no_grad():
        result = net(torch.from_numpy(x))
    for handle in handles:
        handle.remove()
    results = (result,) if isinstance(result, torch.Tensor) else tuple(result)
    for output, tensor in zip(graph.live_outputs, results, strict=True):
        seen[output.value] = tensor.numpy()
    return seen


@dataclass(frozen=True, slots=True)
class Half:
    """How far a float16 file is from the module in float32."""

    outputs: tuple[Difference, ...]
    largest: float
    """The largest absolute value of the output that differs most."""
    overflow: str
    """The first stage whose values leave float16, though not float32; "" where none do."""

    @property
    def worst(self) -> Difference:
        """The output that differs most, measured by the bound."""
        return max(self.outputs, key=lambda found: found.difference / found.bound)


def compare_half(graph: Graph, state: Mapping[str, Array], form: Form, seed: int = 0) -> Half:
    """Run the float16 file that `form` asks for against the module, on one random batch."""
    net = to_torch(graph, state).eval()
    names, places = tensor_names(graph, form), _places(graph)
    shape = (form.batch or 2, *graph.types[0].shape)
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    seen = record(graph, net, x)
    (inner,), (outer,) = (_runs(build(graph, state, form, stage_outputs=stages), [x]) for stages in (True, False))
    shown = {
        path: (inner.get(names[value]), seen[value])
        for path, value in places.items()
        if value in seen and value in names
    }
    lost = [path for path, (a, b) in shown.items() if a is not None and not np.isfinite(a[np.isfinite(b)]).all()]
    pairs = list(zip(graph.live_outputs, outer.values(), strict=True))
    lost += [out.name for out, a in pairs if not np.isfinite(a[np.isfinite(seen[out.value])]).all()]
    found = tuple(_difference(out.name, a, seen[out.value]) for out, a in pairs)
    half = Half(found, 0.0, lost[0] if lost else "")
    by_name = {out.name: seen[out.value] for out, _ in pairs}
    return replace(half, largest=float(np.abs(by_name[half.worst.path]).max()))


def _runs(model: Model, xs: list[Array]) -> list[dict[str, Array]]:
    """What ONNX Runtime gives for each input, by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if model.bytes > LIMIT:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "network.onnx")
            write_onnx(model, path)  # in two files: no message of protobuf has so many bytes
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    else:
        whole = serialise(model.whole())
        session = onnxruntime.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
        del whole
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(names, {"input": x}), strict=True)) for x in xs]


def _difference(path: str, a: Array, b: Array) -> Difference:
    if a.shape != b.shape:
        return Difference(path, float("inf"), ABSOLUTE)
    same = (a == b) | (np.isnan(a) & np.isnan(b))  # equal infinities are equal
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(a - b))
    largest = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return Difference(path, float(np.max(apart, initial=0.0)), ABSOLUTE + RELATIVE * float(largest))


def _shapes(net: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}


def _from_file(source: str, graph: Graph) -> nn.Module:
    """The network as a person would load it: from a file on its own, by Python's import."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.py"
        path.write_text(source, encoding="utf-8")
        name = f"archc_verify_{abs(hash(source))}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        finally:
            del sys.modules[name]
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == name and issubclass(kind, nn.Module)
    ]
    with torch.device("meta"):  # its weights are about to be replaced
        net: nn.Module = kinds[-1]()
    return net
