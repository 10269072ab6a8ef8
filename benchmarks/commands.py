"""Whole commands beside what people do today: `compile --onnx` and torch's exporters, `validate` and torch's meta device."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.process import Figure, archc, failed, in_turn, median, python
from benchmarks.report import Section

NETWORKS = ("resnet18", "resnet50", "densenet121", "googlenet", "efficientnet_b0")
META = """
import torch, torchvision
with torch.device("meta"):
    net = torchvision.models.get_model("{name}", weights=None)
    net(torch.empty(2, 3, 224, 224))
"""
EXPORT = """
import torch, torchvision, warnings
warnings.simplefilter("ignore")
options = dict(init_weights=False) if "{name}" == "googlenet" else {{}}
net = torchvision.models.get_model("{name}", weights=None, **options).eval()
{export}
"""
EXPORTERS = {
    "dynamo": 'torch.onnx.export(net, (torch.zeros(2, 3, 224, 224),), "peer.onnx", dynamo=True, external_data=False,'
    ' dynamic_shapes=({0: torch.export.Dim("N")},))',
    "TorchScript": 'torch.onnx.export(net, (torch.zeros(2, 3, 224, 224),), "peer.onnx", dynamo=False,'
    ' input_names=["x"], dynamic_axes={"x": {0: "N"}})',
}
FLOOR = """
import numpy, onnx
values = numpy.random.default_rng(0).standard_normal({count}, dtype=numpy.float32)
open("floor.onnx", "wb").write(values.data)
"""
"""What no compiler can go below: to import numpy and onnx, draw as many weights, write as many bytes."""


def export(name: str, exporter: str) -> str:
    """The program that exports one of torchvision's networks."""
    return EXPORT.format(name=name, export=EXPORTERS[exporter])


def cell(figures: list[Figure]) -> str:
    """Wall time and memory."""
    return "fails here" if failed(figures) else f"{median(figures, 'seconds'):.2f} s, {median(figures, 'mib'):.0f} MiB"


def times(peer: list[Figure], ours: list[Figure], field: str = "seconds") -> float | None:
    """How many times as much the peer takes; None where one of them fails."""
    return None if failed(peer) or failed(ours) else median(peer, field) / median(ours, field)


def compile_onnx(runs: int) -> Section:
    """`archc compile --onnx`, both exporters, and a program that only draws and writes."""
    import archc as package

    rows, ratios = [], {}
    for name in NETWORKS:
        count = sum(size for _, size in _sizes(package.load(name)))
        programs = [python(export(name, one)) for one in EXPORTERS] + [python(FLOOR.format(count=count))]
        with tempfile.TemporaryDirectory() as folder:
            ours, *peers = in_turn([archc("compile", name, "--onnx", "ours.onnx"), *programs], Path(folder), runs)
        found = [times(peer, ours) for peer in peers]
        memory = [times(peer, ours, "mib") for peer in peers]
        for exporter, ratio in zip(EXPORTERS, found, strict=False):
            if ratio is not None:
                ratios[f"{name}, {exporter}"] = ratio
        above = f"{1 / found[2]:.2f}×" if found[2] else "-"
        told = [
            f"{cell(peer)} ({one:.1f}×, {more:.1f}×)" if one and more else cell(peer)
            for peer, one, more in zip(peers[:2], found, memory, strict=False)
        ]
        rows.append([name, cell(ours), *told, cell(peers[2]), above])
    head = ("network", "archc", "dynamo exporter", "TorchScript exporter", "only drawing and writing", "archc to that")
    note = "Whole processes, medians; in brackets, times as long and times as much memory as archc."
    return Section("From a network to an ONNX file", head, rows, ratios, note)


def _sizes(spec: object) -> list[tuple[str, int]]:
    from math import prod

    return [(path, prod(tensor.shape)) for path, tensor, _ in spec.graph.tensors()]  # type: ignore[attr-defined]


def check(runs: int) -> Section:
    """`validate` and `show`, and the same network built and run on torch's meta device."""
    rows, ratios = [], {}
    for name in ("resnet18", "resnet152"):
        with tempfile.TemporaryDirectory() as folder:
            commands = [archc("validate", name), archc("show", name), python(META.format(name=name))]
            validate, show, peer = in_turn(commands, Path(folder), runs)
        found = times(peer, validate)
        if found is not None:
            ratios[f"validate {name}"] = found
        rows.append([name, cell(validate), cell(show), cell(peer), f"{found:.1f}×" if found else "-"])
    head = ("network", "archc validate", "archc show", "torch's meta device", "to validate")
    return Section("Does the network fit together?", head, rows, ratios, "Whole processes, medians.")
