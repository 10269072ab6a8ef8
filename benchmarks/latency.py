"""ONNX files in ONNX Runtime: archc's beside those of torch's exporters."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from benchmarks.commands import EXPORTERS, NETWORKS, export
from benchmarks.modules import ratio
from benchmarks.process import archc, measure, python
from benchmarks.report import Section

BATCH = 2


def session(path: Path, threads: int = 0) -> object:
    """A session of the file on the CPU, quiet; on as many threads as there are cores, unless told otherwise."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that wait for work by looking for it would take a core from the session that runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def latency(runs: int) -> Section:
    """Median times of a pass, in turn."""
    import numpy as np

    rows, ratios = [], {}
    count = 4 * runs + 1
    x = np.random.default_rng(0).standard_normal((BATCH, 3, 224, 224), dtype=np.float32)
    for name in NETWORKS:
        cells = [name]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(archc("compile", name, "--onnx", "ours.onnx"), cwd=folder, check=True, capture_output=True)
            for exporter in EXPORTERS:
                (Path(folder) / "peer.onnx").unlink(missing_ok=True)
                if measure(python(export(name, exporter)), Path(folder)).failed:
                    cells.append("fails here")
                    continue
                both = [session(Path(folder) / one) for one in ("ours.onnx", "peer.onnx")]
                calls = [
                    lambda one=one: one.run(None, {one.get_inputs()[0].name: x})  # type: ignore[attr-defined]
                    for one in both
                ]
                ours, theirs, share = ratio(count, calls)
                cells.append(f"{1000 * ours:.1f} ms, {1000 * theirs:.1f} ms ({share:.3f}×)")
                ratios[f"{name}, {exporter}"] = 1 / share
        rows.append(cells)
    head = ("network", *(f"archc, {one} exporter" for one in EXPORTERS))
    note = f"ONNX Runtime on the CPU, batch {BATCH}, medians of {count} runs in turn, ratios of those of neighbouring runs."
    return Section("Latency of the ONNX files", head, rows, ratios, note)
