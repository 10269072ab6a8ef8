"""The comparison with other people's samples as a command: `python -m tests.samples`."""

from __future__ import annotations

import sys

from .compare import compare, table


def main() -> int:
    """Print the table, the reasons for leaving samples out, and every difference; 1 if there is one."""
    found = compare()
    print(table(found))
    for sample in found.differing:
        print(f"{sample.source} {sample.name}: {sample.op} on {[str(one) for one in sample.inputs]}: {sample.fault}")
    return 1 if found.differing else 0


if __name__ == "__main__":
    sys.exit(main())
