"""The targets of `archc compile`: what makes each file, and what is said where it cannot be made."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archc.api import Spec
from archc.cli.common import problem
from archc.diagnostics import Diagnostic, SpecError
from archc.ir.graph import Graph

if TYPE_CHECKING:
    import numpy as np

    State = Mapping[str, np.ndarray[Any, Any]]

TARGETS = {"onnx": ".onnx", "torch": ".pt2", "python": ".py"}


@dataclass(frozen=True, slots=True)
class Network:
    """What is compiled: the spec, its graph at the sizes that are asked for, and its tensors."""

    spec: Spec
    graph: Graph
    state: State
    metadata: Mapping[str, str]
    """What the ONNX file says of its origin and, where it comes from a run, of its two ends."""


@dataclass(frozen=True, slots=True)
class Job:
    """A target to write: which, where, and what makes it."""

    target: str
    path: Path
    write: Callable[[Path], None]
    next_step: str
    told: tuple[str, ...] = ()
    """What else there is to say, a line each."""
    is_split: bool = False
    """Whether the tensors have a file of their own."""

    @property
    def files(self) -> list[Path]:
        """The files that are written."""
        return [self.path, self.path.with_name(self.path.name + ".data")] if self.is_split else [self.path]


def job(net: Network, options: argparse.Namespace, target: str, path: Path) -> Job:
    """The job of one target. Raises SpecError."""
    return {"onnx": _onnx_job, "torch": _torch_job, "python": _python_job}[target](net, options, path)


def _onnx_job(net: Network, options: argparse.Namespace, path: Path) -> Job:
    from archc.backends.onnx import LIMIT, Inexpressible, build
    from archc.cli.deploy import form, int8_job, write

    wanted = form(options)
    try:
        model = build(net.graph, net.state, wanted, metadata=net.metadata)
    except Inexpressible as error:
        raise SpecError([inexpressible(net.spec, error.path, error.reason)]) from None
    axes = "".join(f", {axis.name if axis.free else axis.default}" for axis in net.graph.input.axes)
    shape = f"({wanted.batch or 'N'}, {net.graph.input.channels}{axes})"
    step = f'onnxruntime.InferenceSession("{path}").run(None, {{"input": x}}) with x of shape {shape}, float32'
    if "archc.input" in net.metadata:
        step = f"archc predict {path} IMAGE..., or {step}"
    if options.int8:
        return int8_job(net, options, path, model, step)
    return Job("onnx", path, lambda file: write(model, file), step, is_split=model.bytes > LIMIT)


def inexpressible(spec: Spec, path: str, reason: str) -> Diagnostic:
    """That ONNX has no words for a stage."""
    node = spec.graph.node_at[path]
    if node.span.file.shipped:
        message = f"ONNX cannot say `{path}`: {reason}"
        return problem("A0703", message, spec.loaded.file.name, "fix the input size, or use another op")
    return Diagnostic(
        "A0703",
        "ONNX cannot say this stage",
        node.span,
        reason,
        help="fix the input size, or use another op",
        path=path,
    )


def _torch_job(net: Network, options: argparse.Namespace, path: Path) -> Job:
    if path.suffix == ".safetensors":
        from archc.backends.weights import save_safetensors

        return Job(
            "torch", path, lambda file: save_safetensors(net.state, file), f'safetensors.torch.load_file("{path}")'
        )
    from archc.backends.export import ExportError, export_program
    from archc.backends.files import write_whole

    try:
        data = export_program(net.graph, net.state)
    except ExportError as error:
        help = (
            "it tells maps of one row apart: raise `min` until none is left, or fix the sizes; "
            "--onnx, --python and weights (--torch NAME.safetensors) take them as they are"
        )
        raise SpecError(
            [problem("A0703", f"torch.export refuses the network: {error}", net.spec.loaded.file.name, help)]
        ) from None
    return Job("torch", path, lambda file: write_whole(file, data), f'torch.export.load("{path}").module()')


def _python_job(net: Network, options: argparse.Namespace, path: Path) -> Job:
    from archc.backends.files import write_whole

    source = net.spec.to_python()
    name = source.rpartition("\nclass ")[2].partition("(")[0]
    step = (
        f"from {path.stem} import {name}"
        if path.stem.isidentifier()
        else f"a file whose name Python can import, for `{name}`"
    )
    return Job("python", path, lambda file: write_whole(file, source.encode()), step)
