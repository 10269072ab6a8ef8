"""The corpus of hostile files: what `archc validate` takes for each; tests/test_hostile.py holds them to their limits."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hostile import ENDS, FILES, PATHS
from measured import Figure, archc_command, measure

from benchmarks.report import Section


def figures() -> dict[str, Figure]:
    """Each hostile file and path, and what checking it took."""
    found = {}
    for name in [*FILES, *ENDS, *PATHS]:
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder)
            arguments = PATHS[name](here) if name in PATHS else ["net.yaml"]
            if name not in PATHS:
                (here / "net.yaml").write_bytes(FILES[name] if name in FILES else ENDS[name].encode())
            found[name] = measure(archc_command("validate", *arguments), here)
    return found


def hostile(runs: int, count: int = 5) -> Section:
    """The slowest, and the largest."""
    found = list(figures().items())
    slowest = sorted(found, key=lambda row: -row[1].seconds)[:count]
    largest = sorted(found, key=lambda row: -row[1].mib)[:count]
    rows = [[name, f"{one.seconds:.2f} s", f"{one.mib:.0f} MiB"] for name, one in dict([*slowest, *largest]).items()]
    tracebacks = sum("Traceback" in figure.err for _, figure in found)
    note = f"The slowest and the largest of {len(found)} files, each checked once; {tracebacks} tracebacks."
    return Section("Hostile files", ("file", "CPU", "memory"), rows, note=note)
