"""Random networks: whatever archc accepts builds, runs, and gives the same numbers in every target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from strategies import random_spec

import archc
from archc.diagnostics import CODES
from archc.ir.verify import verify as verify_graph

torch = pytest.importorskip("torch", reason="torch is the oracle")
pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from archc.backends.onnx import DEFAULT_OPSET  # noqa: E402
from archc.verify import probe_state, verify  # noqa: E402

GROUPS = 8
EACH = 25


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.filterwarnings("ignore")  # torch remarks on paddings that it pads itself
def test_targets_agree_on_random_networks(group: int, tmp_path: Path) -> None:
    accepted = 0
    for seed in range(group * EACH, (group + 1) * EACH):
        path = tmp_path / "net.yaml"
        path.write_text(json.dumps(random_spec(seed)))
        spec = archc.load(path)
        found = spec.check(warnings=False)
        if found:
            assert {one.code for one in found} <= set(CODES)
            continue
        accepted += 1
        verify_graph(spec.graph)
        verdict = verify(spec.graph, probe_state(spec.graph, seed), DEFAULT_OPSET, seed)
        assert verdict.agrees, f"seed {seed}: {verdict.worst}"
    assert accepted >= EACH // 8
