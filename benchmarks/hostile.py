"""The corpus of hostile files: CPU time and memory of `archc validate` on each, the slowest and the largest first.

    python benchmarks/hostile.py [--rows 15]

The same files are checked by tests/test_hostile.py, which also holds them to their limits.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hostile import ENDS, FILES, PATHS
from measured import Figure, archc_command, measure


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


def table(rows: list[tuple[str, Figure]]) -> str:
    """Rows of Markdown."""
    lines = [f"| {name} | {figure.seconds:.2f} s | {figure.mib:.0f} MiB |" for name, figure in rows]
    return "\n".join(["| file | CPU time | memory |", "|---|---|---|", *lines])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=15)
    count = parser.parse_args().rows
    found = list(figures().items())
    print(f"{len(found)} files; {sum('Traceback' in figure.err for _, figure in found)} tracebacks")
    print("\nthe slowest:\n\n" + table(sorted(found, key=lambda row: -row[1].seconds)[:count]))
    print("\nthe largest:\n\n" + table(sorted(found, key=lambda row: -row[1].mib)[: count // 3]))


if __name__ == "__main__":
    main()
