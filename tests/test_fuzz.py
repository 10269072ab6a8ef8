"""Damaged bytes of specs in a process of their own: only diagnostics, soon, in little memory.

ARCHC_FUZZ_SECONDS sets the time of all parts together: 60 by default.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from time import time_ns

import pytest
from mutations.corpus import ROOT, check
from mutations.fuzz import MEBIBYTES, SECONDS

FRESH = time_ns() % 2**32
SEEDS = {"fixed": 1, "fixed too": 2, "fresh": 0, "fresh too": 1}
TOTAL = float(os.environ.get("ARCHC_FUZZ_SECONDS", "60"))


@pytest.mark.parametrize("part", SEEDS)
def test_damaged_specs_give_diagnostics_soon_and_in_little_memory(part: str) -> None:
    seed = SEEDS[part] + (FRESH if part.startswith("fresh") else 0)
    print(f"seed {seed}")
    command = [sys.executable, "-m", "tests.mutations.fuzz", "--seed", str(seed), "--seconds", str(TOTAL / len(SEEDS))]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print({key: found[key] for key in ("seed", "inputs", "accepted", "slowest", "mebibytes")})
    assert not found["failures"], "\n\n".join(f"{one['error']}\n{one['input']}" for one in found["failures"])
    assert found["inputs"] > TOTAL
    assert found["slowest"] <= SECONDS
    assert found["mebibytes"] <= MEBIBYTES


def test_the_fuzzer_sees_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    from mutations import fuzz

    def broken(data: bytes, folder: Path) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(fuzz, "check", broken)
    found = fuzz.run(1, 5)
    assert len(found.failures) == fuzz.FAILURES
    assert "planted" in found.failures[0]["error"]
    assert base64.b64decode(found.failures[0]["input"])


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xef\xbb\xbf", b"a\x85b: \xff", "a: \u2028\nb: 1".encode()])
def test_bytes_that_are_no_spec(data: bytes) -> None:
    assert check(data)[1]
