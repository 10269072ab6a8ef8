"""Damaged bytes of real specs: only diagnostics may come of them, soon and in little memory.

`python -m tests.mutations.fuzz --seed 1 --seconds 60` prints what it found as JSON; its own process is what is measured.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import resource
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import process_time

from archc.diagnostics import CODES
from archc.diagnostics.formats import FORMATS, Run
from archc.diagnostics.render import to_text

from .corpus import FOLDERS, ROOT, check

SECONDS = 2.0
MEBIBYTES = 512
FAILURES = 5
TOKENS = (
    *(
        b"&a",
        b"*a",
        b"<<: *a",
        b"!!python/object/apply:os.system [id]",
        b"!!binary ",
        b"!t ",
        b"%YAML 1.2\n---\n",
        b"---\n",
    ),
    *(
        b"...\n",
        b"${",
        b"}",
        b"$",
        b"${i}",
        b"$width",
        b"${1/0}",
        b"${" + b"(" * 200,
        b"{" * 1000,
        b"[" * 1000,
        b"}" * 1000,
    ),
    *(
        b"- " * 1000,
        b"? ",
        b": ",
        b"? [a]\n: b\n",
        b"|\n",
        b">-\n",
        b"|9\n",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xff",
    ),
    *(
        "\u202e",
        "\u2028",
        "\u2029",
        "\u0085",
        "\u00a0",
        "\u3000",
        "\ufeff",
        "\U0001f600",
        "e\u0301",
        "\u200d",
        "\x1b[31m",
    ),
    *(
        b"\r",
        b"\r\n",
        b"\t",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"#",
        b" #",
        b"'",
        b'"',
        b'"\\u0000"',
        b"\\x",
    ),
    *(
        b"1e999",
        b"99999999999999999999",
        b"-1",
        b"0",
        b"0x7fffffff",
        b"0o17",
        b".nan",
        b"-.inf",
        b"1_000",
        b"2147483648",
    ),
    *(
        b"9" * 400,
        b"a" * 5000,
        b"true",
        b"null",
        b"~",
        b"no",
        b"repeat: 10000",
        b"repeat: $i",
        b"inline: true",
        b"from: input",
    ),
    *(
        b"from: [a, a]",
        b"type: residual",
        b"type: $act",
        b"when: false",
        b"stages: []",
        b"stages: [{type: relu}]",
        b"extends: resnet18",
    ),
    *(
        b"extends: ../../etc/passwd",
        b"extends: unet.yaml",
        b"upto: layer1",
        b"expect: [1]",
        b"names: {norm: 0}",
        b"name: forward",
    ),
    *(b"outputs: {a: b}", b"init: {conv: {weight: zeros}}", b"defaults: {conv: {bias: 3}}", b"budget: {parameters: 1}"),
)
_NUMBER = re.compile(rb"[0-9]+")


def specs() -> list[bytes]:
    """The bytes of every spec."""
    return [path.read_bytes() for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.yaml"))]


def token(random: Random) -> bytes:
    """One of the tokens, as bytes."""
    one = random.choice(TOKENS)
    return one if isinstance(one, bytes) else one.encode()


def flip(data: bytes, random: Random, others: list[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def insert(data: bytes, random: Random, others: list[bytes]) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + token(random) + data[at:]


def replace(data: bytes, random: Random, others: list[bytes]) -> bytes:
    at, length = random.randrange(len(data) + 1), random.randint(1, 30)
    return data[:at] + token(random) + data[at + length :]


def delete(data: bytes, random: Random, others: list[bytes]) -> bytes:
    at, length = random.randrange(len(data) + 1), random.choice([1, 1, 2, 5, 40, 400])
    return data[:at] + data[at + length :]


def double(data: bytes, random: Random, others: list[bytes]) -> bytes:
    at, length = random.randrange(len(data) + 1), random.choice([1, 10, 100, 1000])
    times = random.choice([1, 1, 2, 20, 200])
    return data[:at] + data[at : at + length] * times + data[at:]


def splice(data: bytes, random: Random, others: list[bytes]) -> bytes:
    other = random.choice(others)
    at, there = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
    return data[:at] + other[there : there + random.choice([20, 200, 2000, len(other)])] + data[at:]


def number(data: bytes, random: Random, others: list[bytes]) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    match = random.choice(found)
    value = random.choice(
        [b"0", b"-1", b"10000", b"2147483647", b"4294967296", b"1e308", b"0.5", b"1" * 30, b"64", b"3"]
    )
    return data[: match.start()] + value + data[match.end() :]


def lines(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """Lines dropped, moved, doubled, indented."""
    rows = data.split(b"\n")
    at, to = random.randrange(len(rows)), random.randrange(len(rows))
    kind = random.randrange(5)
    if kind == 0:
        del rows[at]
    elif kind == 1:
        rows.insert(to, rows[at])
    elif kind == 2:
        rows[at], rows[to] = rows[to], rows[at]
    elif kind == 3:
        rows[at] = random.choice([b" ", b"  ", b"\t", b"- "]) + rows[at]
    else:
        rows[at:to] = [random.choice([b"  ", b" "]) + row for row in rows[at:to]]
    return b"\n".join(rows)


def words(data: bytes, random: Random, others: list[bytes]) -> bytes:
    """A word of a spec in place of another."""
    here = list(re.finditer(rb"[A-Za-z_][A-Za-z0-9_]*", data))
    there = re.findall(rb"[A-Za-z_][A-Za-z0-9_]*", random.choice(others))
    if not here or not there:
        return data
    match = random.choice(here)
    return data[: match.start()] + random.choice(there) + data[match.end() :]


CHANGES = (flip, insert, replace, delete, double, splice, number, number, lines, lines, words, words)


def damaged(random: Random, others: list[bytes]) -> bytes:
    """The bytes of a spec after some changes."""
    data = random.choice(others)
    for _ in range(random.choice([1, 1, 1, 2, 2, 3, 5, 8])):
        data = random.choice(CHANGES)(data, random, others)
    return data


@dataclass
class Found:
    """What a run found."""

    seed: int
    inputs: int = 0
    accepted: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_input: str = ""
    mebibytes: float = 0.0
    failures: list[dict[str, str]] = field(default_factory=list)


def try_one(data: bytes, found: Found) -> None:
    """Check one input, twice, and write what was found in every format."""
    start = process_time()
    spec, diagnostics = check(data, ROOT / "examples")
    taken = process_time() - start
    if taken > found.slowest:
        found.slowest, found.slowest_input = taken, base64.b64encode(data).decode()
    assert taken <= SECONDS, f"{taken:.2f} s"
    assert diagnostics or spec.graph is not None
    found.inputs += 1
    found.accepted += not diagnostics
    found.codes.update(one.code for one in diagnostics)
    assert {one.code for one in diagnostics} <= set(CODES)
    to_text(diagnostics).encode()
    for write in FORMATS.values():
        write(Run(diagnostics, ["net.yaml"])).encode()
    if found.inputs % 4 == 0:
        _, again = check(data, ROOT / "examples")
        told = [[(d.code, d.span.position, d.message, d.help) for d in one] for one in (diagnostics, again)]
        assert told[0] == told[1], "two checks differ"


def run(seed: int, seconds: float) -> Found:
    """Damage specs until the time is over; `seconds` are of this process."""
    random, found, others = Random(seed), Found(seed), specs()
    start = process_time()
    while process_time() - start < seconds and len(found.failures) < FAILURES:
        data = damaged(random, others)
        try:
            try_one(data, found)
        except Exception:
            found.failures.append({"input": base64.b64encode(data).decode(), "error": traceback.format_exc()})
    found.mebibytes = peak_mebibytes()
    return found


def peak_mebibytes() -> float:
    """The most memory that this program had; Linux counts that of its parent in `ru_maxrss`, from before the `exec`."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)


def main() -> None:
    """Run, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--keep", type=Path, help="a folder for the slowest input and those that failed")
    options = parser.parse_args()
    found = run(options.seed, options.seconds)
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / "slowest.yaml").write_bytes(base64.b64decode(found.slowest_input))
        for at, failure in enumerate(found.failures):
            (options.keep / f"failed{at}.yaml").write_bytes(base64.b64decode(failure["input"]))
    print(json.dumps(vars(found), indent=1))


if __name__ == "__main__":
    main()
