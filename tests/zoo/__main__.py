"""All networks at full size, one after the other: `python -m tests.zoo [NAME...]`; 1 where one is past its bound."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from .compare import parity, stages
from .nets import NAMES


def main() -> int:
    """Print a row for each network."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these networks only")
    found = parser.parse_args().names or NAMES
    print("name tensors parameters oracle live training statistics onnx_values onnx_worst seconds", flush=True)
    failed = []
    for name in found:
        begun = time.process_time()
        one, shape = parity(name), stages(name, full=True)
        bounds = ((one.stored, 1e-4), (one.live, 1e-5), (one.training, 1e-5), (one.statistics, 1e-5), (shape.worst, 1))
        failed += [name] if any(not value <= bound for value, bound in bounds) else []
        figures = " ".join(f"{value:.1e}" for value, _ in bounds[:4])
        print(
            f"{name} {one.tensors} {one.parameters} {figures} {shape.compared} {shape.worst:.1e} at {shape.path} "
            f"{time.process_time() - begun:.0f}",
            flush=True,
        )
    print(
        f"{len(found) - len(failed)} of {len(found)} within their bounds"
        + f"; past: {', '.join(failed)}" * bool(failed)
    )
    return 1 if failed else 0


sys.exit(main())
