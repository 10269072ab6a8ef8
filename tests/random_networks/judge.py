"""What is asked of one network, and every answer that is not as it should be."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.flop_counter import FlopCounterMode

import archc.api
from archc.analysis.cost import costs
from archc.backends.onnx import DEFAULT_OPSET, build, tensor_names
from archc.backends.torch import to_torch
from archc.ir.graph import Graph
from archc.ir.ops import Scale
from archc.ir.passes import inference, run_passes
from archc.ir.verify import verify as verify_graph
from archc.verify import Verdict, inputs, probe_state, record, verify
from tests.verdict.eager import Builder
from tests.verdict.eager import build as build_eager

from .attributes import differences
from .conditioning import has_group_norm_of_one_number, scales
from .generate import Case

OWN = {"Chain", "Shortcut", "Skip", "Branches", "SqueezeExcite", "Ghost", "Fuse", "Step", "Sequential", "Identity"}
"""Modules of the eager programs that hold others, or do nothing."""


NORMS = (nn.LayerNorm, nn.RMSNorm)
"""Norms that the generated source derives its own from, for maps whose channels stand first."""

IN_PLACE = re.compile(r"(?:, )?inplace=True")
"""How a value is stored, which changes no number."""

EQUAL = re.compile(r"\(([^(),]+),?(?:, \1)*\)")
WHOLE = re.compile(r"(?<=\d)\.0\b")


@dataclass
class Found:
    """What was found out about one network."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    """(which check, what is wrong)."""
    largest: float = 0.0
    """The largest difference between ONNX Runtime and torch, as a share of its bound."""
    scale: float = 1.0
    """The most that a bound was multiplied by; see `conditioning`."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many values, modules and so on were compared."""

    def note(self, check: str, details: Iterator[str]) -> int:
        """Keep what a check found."""
        before = len(self.faults)
        self.faults += [(check, detail) for detail in details]
        return len(self.faults) - before

    def count(self, what: str, number: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + number


Check = Callable[["Compiled", Found], Iterator[str]]


@dataclass
class Compiled:
    """A network in all its forms, with the same weights."""

    case: Case
    graph: Graph
    state: dict[str, Any]
    net: nn.Module
    model: onnx.ModelProto
    x: Any
    seen: dict[int, Any]


def judge(case: Case) -> Found:
    """Ask everything of a network; an exception is a fault too."""
    found = Found()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch remarks on paddings that it pads itself
        try:
            spec = archc.api.load_with("-", [], case.text.encode())
            wrong = spec.check(warnings=False)
            if wrong:
                found.note("refused", (f"{one.code} {one.path}: {one.message}" for one in wrong))
                return found
            verify_graph(spec.graph)
            compiled = compile_all(case, spec.graph)
            for name, check in CHECKS.items():
                found.note(name, check(compiled, found))
        except Exception:  # an exception is what the test is looking for
            found.faults.append(("crash", traceback.format_exc()))
    return found


def compile_all(case: Case, graph: Graph) -> Compiled:
    """The module and the file of a graph, and what the module gives at every stage for one random batch."""
    state = probe_state(graph, case.seed)
    net = to_torch(graph, state).eval()
    x = np.random.default_rng(case.seed).standard_normal((2, *graph.types[0].shape)).astype(np.float32)
    return Compiled(case, graph, state, net, build(graph, state).whole(), x, record(graph, net, x))


def shapes_of_torch(c: Compiled, found: Found) -> Iterator[str]:
    """The inferred shape of every value that a module takes or gives."""
    names = {node.output: node.path for node in c.graph.nodes}
    found.count("shapes against torch", len(c.seen))
    for value, tensor in c.seen.items():
        if tensor.shape[1:] != c.graph.types[value].shape:
            yield f"{names.get(value, 'input')}: torch has {tensor.shape[1:]}, archc {c.graph.types[value].shape}"


def shapes_of_onnx(c: Compiled, found: Found) -> Iterator[str]:
    """The full check, and the shape of every value as onnx infers it from the input and the nodes alone."""
    onnx.checker.check_model(c.model, full_check=True)
    bare = onnx.ModelProto()
    bare.CopyFrom(c.model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    theirs = {one.name: one.type.tensor_type.shape.dim for one in (*inferred.graph.value_info, *inferred.graph.output)}
    lean = run_passes(c.graph, [inference])
    names = tensor_names(c.graph)
    for node in lean.nodes:
        dims, ours = theirs.get(names[node.output]), lean.types[node.output].shape
        if dims is None:
            yield f"{node.path}: onnx infers nothing"
        elif len(dims) != len(ours) + 1:
            yield f"{node.path}: onnx infers {len(dims)} axes, archc {len(ours) + 1}"
        else:
            known = [(dim.dim_value, size) for dim, size in zip(dims[1:], ours, strict=True) if dim.dim_value]
            found.count("sizes against onnx", len(known))
            if any(a != b for a, b in known):
                yield f"{node.path}: onnx infers {[a for a, _ in known]}, archc {ours}"


def costs_of_torch(c: Compiled, found: Found) -> Iterator[str]:
    """Parameters, and multiply-accumulates for one example."""
    cost = costs(c.graph)[""]
    parameters = sum(one.numel() for one in c.net.parameters())
    if cost.parameters != parameters:
        yield f"torch has {parameters} parameters, archc {cost.parameters}"
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        c.net(torch.from_numpy(c.x))  # a batch of two, for torch refuses group norm on one number
    flops = counter.get_total_flops() // len(c.x)
    if 2 * cost.macs != flops:
        yield f"torch counts {flops} floating-point operations, archc {cost.macs} MACs"


def attributes(c: Compiled, found: Found) -> Iterator[str]:
    """Every attribute of every op, in the graph, the module and the file."""
    found.count("ops with their attributes", len(c.graph.nodes))
    yield from differences(c.graph, c.net, c.model)


def targets(c: Compiled, found: Found) -> Iterator[str]:
    """ONNX Runtime against torch at every block's output, within the bound; the generated Python exactly."""
    verdict = verify(c.graph, c.state, DEFAULT_OPSET, c.case.seed)
    found.count("values in all targets", len(verdict.onnx))
    if not verdict.keys_agree:
        yield "the generated Python has other state_dict keys"
    yield from beyond(c, verdict, found, "ONNX Runtime")
    for one in verdict.python:
        if one.difference:
            yield f"{one.path}: the generated Python differs from the module by {one.difference:.3e}"


def folded(c: Compiled, found: Found) -> Iterator[str]:
    """The folded file, of every fourth network, in one of the opsets."""
    if c.case.seed % 4:
        return
    verdict = verify(c.graph, c.state, 13 + c.case.seed // 4 % 14, c.case.seed, fold=True)
    yield from beyond(c, verdict, found, "the folded file")


def beyond(c: Compiled, verdict: Verdict, found: Found, what: str) -> Iterator[str]:
    """The values beyond the bound, which is scaled where rounding alone may pass it; those are counted."""
    far = [one for one in verdict.onnx if not one.within]
    if far and has_group_norm_of_one_number(c.graph):
        found.count("networks not compared: group norm of one number", 1)
        return
    scale = scales(c.graph, c.net, inputs(c.graph, c.case.seed)) if far else {}
    for one in verdict.onnx:
        factor = 1.0 if one.within else scale.get(one.path, 1.0)
        if factor == float("inf"):
            found.count("values that float64 or rounding alone makes no finite numbers", 1)
        elif one.difference <= one.bound * factor:
            found.largest = max(found.largest, one.difference / (one.bound * factor))
            found.scale = max(found.scale, factor)
            found.count("values with a bound scaled by their conditioning", int(factor > 1.0))
        else:
            yield f"{one.path}: {what} differs from torch by {one.difference:.3e}, the bound is {one.bound:.3e} × {factor:.3g}"


def eager(c: Compiled, found: Found) -> Iterator[str]:
    """The program written by hand from the same neutral form: its modules in order, and its numbers with its weights."""
    torch.manual_seed(c.case.seed)
    program = build_eager(c.case.net, Builder(c.case.net.rank)).eval()
    (theirs, a), wanted = calls(program, c.x)
    modules = dict(c.net.named_modules())
    nodes = [node for node in c.graph.nodes if is_torchs(modules.get(node.path))]
    ours = [modules[node.path] for node in nodes]  # as written, which need not be the order in which they run
    b = [described(modules[node.path], c.graph.types[node.inputs[0]].rank + 2) for node in nodes]
    if sorted(a) != sorted(b):
        yield f"only in the eager program {minus(a, b)}, only in the module {minus(b, a)}"
        return
    found.count("modules against the eager program", len(a))
    if a != b:
        found.count("programs in another order", 1)
        return
    copy_weights(theirs, ours)
    with torch.no_grad():
        for node in c.graph.nodes:
            if isinstance(node.op, Scale):
                c.net.get_parameter(node.path).fill_(node.op.init_value)
    with torch.no_grad():
        result = c.net(torch.from_numpy(c.x))
    got = list(result) if isinstance(result, tuple) else [result]
    for want, result in zip(wanted, got, strict=True):
        same = (want == result) | (want.isnan() & result.isnan())  # a window on padding alone gives -inf
        apart = float((want - result).abs().masked_fill(same, 0.0).max())
        bound = 1e-5 + 1e-4 * float(want.abs()[want.isfinite()].max()) if want.isfinite().any() else 1e-5
        if not apart <= bound:
            yield f"the module differs from the eager program with the same weights by {apart:.3e}, the bound is {bound:.3e}"
    found.count("outputs against the eager program", len(wanted))


def minus(a: list[str], b: list[str]) -> list[str]:
    left = list(b)
    return [one for one in a if one not in left or left.remove(one)]  # type: ignore[func-returns-value]


def described(module: nn.Module, axes: int) -> str:
    """A module on a tensor of `axes` as torch prints it, one size for all axes where they are equal."""
    words = EQUAL.sub(lambda found: found[1], WHOLE.sub("", IN_PLACE.sub("", module.extra_repr())))
    name = type(module).__name__.removeprefix("Channel") if isinstance(module, NORMS) else type(module).__name__
    if name.startswith("ZeroPad"):  # one of a constant, 0
        name, words = name.replace("Zero", "Constant"), f"padding={words}, value=0"
    if isinstance(module, (nn.Softmax, nn.LogSoftmax)) and module.dim is not None:
        words = f"dim={module.dim % axes}"
    return f"{name}({words})"


def is_torchs(module: nn.Module | None) -> bool:
    """Whether a module is one of torch.nn that computes something, or a norm derived from one."""
    own = module is None or type(module).__name__ in OWN
    return not own and (type(module).__module__.startswith("torch.nn") or isinstance(module, NORMS))


def calls(net: nn.Module, x: Any) -> tuple[tuple[list[nn.Module], list[str]], list[Any]]:
    """The modules of torch.nn that run, in order, with their descriptions; and the outputs."""
    ran: list[nn.Module] = []
    words: list[str] = []

    def note(module: nn.Module, args: Any, output: Any) -> None:
        if is_torchs(module):
            ran.append(module)
            words.append(described(module, args[0].dim()))

    handle = register_module_forward_hook(note)
    try:
        with torch.no_grad():
            result = net(torch.from_numpy(x))
    finally:
        handle.remove()
    return (ran, words), list(result) if isinstance(result, tuple) else [result]


def copy_weights(theirs: list[nn.Module], ours: list[nn.Module]) -> None:
    """Give our modules the weights of theirs, in the order in which they run."""
    for a, b in zip(theirs, ours, strict=True):
        b.load_state_dict(a.state_dict())


CHECKS: dict[str, Check] = {
    "shapes (torch)": shapes_of_torch,
    "shapes (onnx)": shapes_of_onnx,
    "costs": costs_of_torch,
    "attributes": attributes,
    "targets": targets,
    "folded": folded,
    "eager program": eager,
}
"""The checks by name. The last one changes the module's weights."""
