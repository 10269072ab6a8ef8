"""Compiled modules beside torchvision's: a pass, a training step and memory, eager and under torch.compile."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.process import failed, in_turn, median, python
from benchmarks.report import Section

if TYPE_CHECKING:
    import torch

NETWORKS = ("resnet18", "resnet50", "densenet121", "googlenet", "efficientnet_b0")
BATCH, SIDE = 4, 224
STEP = f"""
import torch
{{make}}
net.train()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
torch.manual_seed(0)
x, y = torch.randn({BATCH}, 3, {SIDE}, {SIDE}), torch.randint(1000, ({BATCH},))
for _ in range(3):
    out = net(x)
    out = out if isinstance(out, torch.Tensor) else out[0]
    torch.nn.functional.cross_entropy(out, y).backward()
    optimizer.step()
    optimizer.zero_grad()
"""
THEIRS = "import torchvision\nnet = torchvision.models.get_model('{name}', weights=None{options})"
OURS = "import archc, torchvision\nnet = archc.load('{name}').to_torch()"
"""With torchvision too, so that memory is that of the modules."""


def options(name: str) -> dict[str, object]:
    """What makes torchvision's builder quick and quiet."""
    return {"init_weights": False} if name == "googlenet" else {}


def pair(name: str) -> list[torch.nn.Module]:
    """archc's module and torchvision's, with equal weights."""
    import torchvision

    import archc

    theirs = torchvision.models.get_model(name, weights=None, **options(name))
    ours = archc.load(name).to_torch()
    ours.load_state_dict(theirs.state_dict())
    return [ours, theirs]


def ratio(runs: int, calls: list[Callable[[], object]]) -> tuple[float, float, float]:
    """Median seconds of archc's and of the peer's, and of the ratios of neighbouring runs."""
    for call in calls:
        call()
    found: list[list[float]] = [[], []]
    for run in range(runs):
        order = (0, 1) if run % 2 else (1, 0)
        for at in order:
            start = time.perf_counter()
            calls[at]()
            found[at].append(time.perf_counter() - start)
    ratios = [ours / theirs for ours, theirs in zip(*found, strict=True)]
    return statistics.median(found[0]), statistics.median(found[1]), statistics.median(ratios)


def steps(nets: list[torch.nn.Module]) -> list[Callable[[], object]]:
    """A training step of each."""
    import torch

    x, y = torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(1000, (BATCH,))

    def step_of(net: torch.nn.Module) -> Callable[[], object]:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.0)

        def step() -> object:
            out = net(x)
            loss = torch.nn.functional.cross_entropy(out if isinstance(out, torch.Tensor) else out[0], y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return None

        return step

    return [step_of(net) for net in nets]


def passes(nets: list[torch.nn.Module]) -> list[Callable[[], object]]:
    """A pass in evaluation of each."""
    import torch

    x = torch.randn(BATCH, 3, SIDE, SIDE)

    def pass_of(net: torch.nn.Module) -> Callable[[], object]:
        def run() -> object:
            with torch.inference_mode():
                return net(x)

        return run

    return [pass_of(net) for net in nets]


def peaks(name: str, runs: int) -> str:
    """The most memory of three training steps, of archc's module to that of the peer's."""
    theirs = THEIRS.format(name=name, options=", init_weights=False" if name == "googlenet" else "")
    programs = [python(STEP.format(make=make)) for make in (OURS.format(name=name), theirs)]
    with tempfile.TemporaryDirectory() as folder:
        found = in_turn(programs, Path(folder), min(runs, 2))
    if any(failed(one) for one in found):
        return "fails here"
    return f"{median(found[0], 'mib') / median(found[1], 'mib'):.2f}×"


def modules(runs: int) -> Section:
    """Times of archc's module as a share of the peer's, with equal weights, in turn."""
    import torch

    rows, ratios = [], {}
    count = max(21, 4 * runs + 1)
    for name in NETWORKS:
        nets = pair(name)
        cells = [name]
        for mode, wrap in (("", lambda net: net), ("compiled ", torch.compile)):
            torch.compiler.reset()
            used = [wrap(net) for net in nets]
            for what, calls, train in (("pass", passes(used), False), ("step", steps(used), True)):
                for net in nets:
                    net.train(train)
                ours, theirs, share = ratio(count, calls)
                cells.append(f"{1000 * ours:.0f} ms, {1000 * theirs:.0f} ms ({share:.3f}×)")
                ratios[f"{name}, {mode}{what}"] = 1 / share
        rows.append([*cells, peaks(name, runs)])
        print("  " + " | ".join(rows[-1]), file=sys.stderr, flush=True)
    head = ("network", "pass", "training step", "compiled pass", "compiled training step", "peak memory")
    note = f"archc's module, torchvision's, as they are and under torch.compile; batch {BATCH} of {SIDE} × {SIDE}, equal weights, medians of {count} runs in turn, ratios of those of neighbouring runs."
    return Section("Modules", head, rows, ratios, note)
