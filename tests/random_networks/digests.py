"""The bytes of networks in a process of their own, with a hash seed of its own: `python -m tests.random_networks.digests`.

Reads specs, one a line as JSON texts; prints for each a hash of its ONNX file and of its Python source.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256

import archc.api
from archc.backends.onnx import serialise

HASH_SEEDS = ("1", "2")


def digest(text: str) -> str:
    """The hash of what a spec compiles to."""
    spec = archc.api.load_with("-", [], text.encode())
    return sha256(serialise(spec.to_onnx()) + spec.to_python().encode()).hexdigest()


def differing(texts: Sequence[str]) -> list[int]:
    """The places of the specs that compile to other bytes under another hash seed."""
    lines = "\n".join(json.dumps(text) for text in texts)
    rows = []
    for seed in HASH_SEEDS:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-m", "tests.random_networks.digests"]
        done = subprocess.run(command, input=lines, env=environment, capture_output=True, text=True, check=True)
        rows.append(done.stdout.split())
    first, second = rows
    assert len(first) == len(second) == len(texts)
    return [at for at, pair in enumerate(zip(first, second, strict=True)) if len(set(pair)) > 1]


if __name__ == "__main__":
    for line in sys.stdin:
        print(digest(json.loads(line)))
