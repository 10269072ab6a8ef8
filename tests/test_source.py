"""The located tree: where every key and value stands, what scalars mean, what is refused, and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archc.diagnostics import Diagnostic, SourceFile
from archc.source import Mapping, Scalar, Sequence, Tree, decode, parse, read_file


def tree(text: str) -> Tree:
    found, diagnostics = parse(SourceFile("f.yaml", text))
    assert diagnostics == []
    assert found is not None
    return found


def refused(text: str) -> Diagnostic:
    found, (diagnostic,) = parse(SourceFile("f.yaml", text))
    assert found is None
    return diagnostic


def place(node: Tree) -> tuple[int, int, int, int]:
    return node.span.line, node.span.column, node.span.end_line, node.span.end_column


def value(text: str) -> object:
    node = tree(f"k: {text}\n")
    assert isinstance(node, Mapping)
    scalar = node.get("k")
    assert isinstance(scalar, Scalar)
    return scalar.value


def at(text: str, *steps: str | int) -> Tree:
    """The node that keys and indices lead to."""
    node: Tree | None = tree(text)
    for step in steps:
        if isinstance(step, int):
            assert isinstance(node, Sequence)
            node = node.items[step]
        else:
            assert isinstance(node, Mapping)
            node = node.get(step)
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("text", "steps", "span"),
    [
        ("a: 12\n", ("a",), (1, 4, 1, 6)),
        ("a:   12   # note\n", ("a",), (1, 6, 1, 8)),
        ("{a: 1, bc: two}\n", ("bc",), (1, 12, 1, 15)),
        ("{a: 1, bc: two}\n", (), (1, 1, 1, 16)),
        ("[1, [22, 3]]\n", (1,), (1, 5, 1, 12)),
        ("[1, [22, 3]]\n", (1, 1), (1, 10, 1, 11)),
        ("a:\n  - x\n  - yy\n", ("a",), (2, 3, 3, 7)),
        ("a:\n  - x\n  - yy\n\n\nb: 1\n", ("a",), (2, 3, 3, 7)),
        ("a:\n  b: 1\n  c: 23\n", ("a",), (2, 3, 3, 8)),
        ('a: "x y"\n', ("a",), (1, 4, 1, 9)),
        ("a: 'it''s'\n", ("a",), (1, 4, 1, 11)),
        ("a: one\n  two\n", ("a",), (1, 4, 2, 6)),
        ("a: [1,\n    2]\n", ("a",), (1, 4, 2, 7)),
        ("a: 卷积, b\n", ("a",), (1, 4, 1, 9)),
        ("{卷: 1, b: 2}\n", ("b",), (1, 11, 1, 12)),
        ("{😀: 1, b: 2}\n", ("b",), (1, 11, 1, 12)),
        ("{e\u0301: 1, b: 2}\n", ("b",), (1, 12, 1, 13)),
        ("a: 1\r\nb: 2\r\n", ("b",), (2, 4, 2, 5)),
        ("a: &x 1\nb: *x\n", ("b",), (1, 4, 1, 8)),
    ],
)
def test_nodes_know_where_they_stand(text: str, steps: tuple[str | int, ...], span: tuple[int, int, int, int]) -> None:
    assert place(at(text, *steps)) == span


def test_keys_know_where_they_stand() -> None:
    node = tree("{a: 1, bc: 2}\n")
    assert isinstance(node, Mapping)
    assert [place(entry.key) for entry in node.entries.values()] == [(1, 2, 1, 3), (1, 8, 1, 10)]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: xy\n", 0),
        ('a: "xy"\n', 1),
        ("a: 'xy'\n", 1),
        ('a: "\\x41"\n', None),
        ("a: |\n  xy\n", None),
        ("a: x\n  y\n", None),
    ],
)
def test_offsets_into_the_text_are_known_unless_escapes_move_them(text: str, start: int | None) -> None:
    scalar = at(text, "a")
    assert isinstance(scalar, Scalar)
    assert scalar.text_start == start


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("9223372036854775807", 2**63 - 1),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("3:2", "3:2"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("1E3", 1000.0),
        ("1e", "1e"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("~", None),
        ("null", None),
        ("", None),
        ("none", "none"),
        ("2001-01-01", "2001-01-01"),
        ('"1"', "1"),
        ("'true'", "true"),
        ('""', ""),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775808",
        "-9223372036854775809",
        "0xFFFFFFFFFFFFFFFFF",
        "9" * 4000,
        "1e999",
        ".inf",
        "-.INF",
        ".nan",
    ],
)
def test_numbers_out_of_range_are_reported_and_unknown(text: str) -> None:
    found, (diagnostic,) = parse(SourceFile("f.yaml", f"k: {text}\n"))
    assert diagnostic.code == "A0008"
    assert place(Scalar(None, diagnostic.span, None)) == (1, 4, 1, 4 + len(text))
    assert isinstance(found, Mapping)
    scalar = found.get("k")
    assert isinstance(scalar, Scalar)
    assert scalar.faulty


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: !!python/name:os.system\n", "A0006", 1, 4),
        ("a: !!int 3\n", "A0006", 1, 4),
        ("!x {a: 1}\n", "A0006", 1, 1),
        ("a: {<<: {b: 1}}\n", "A0006", 1, 5),
        ("a: 1\n---\nb: 2\n", "A0006", 2, 1),
        ("1: a\n", "A0006", 1, 1),
        ("true: a\n", "A0006", 1, 1),
        ("null: a\n", "A0006", 1, 1),
        ("? [a, b]\n: c\n", "A0006", 1, 3),
        ("a: &x [*x]\n", "A0006", 1, 8),
        ("a: *x\n", "A0004", 1, 4),
        ("a: [1, 2\nb: 3\n", "A0004", 1, 4),
        ("a: 1\n b: 2\n", "A0004", 2, 1),
        ("a:\n\t- b\n", "A0004", 2, 1),
        ('a: "b\n', "A0004", 1, 4),
        ("a: @b\n", "A0004", 1, 4),
        ("a: \x00\n", "A0004", 1, 4),
        ("a: b\x07\n", "A0004", 1, 5),
        ("a: {k: ${b}}\n", "A0007", 1, 8),
    ],
)
def test_what_is_refused_is_refused_in_its_place(text: str, code: str, line: int, column: int) -> None:
    diagnostic = refused(text)
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (code, line, column)


def test_a_quoted_merge_key_is_a_word() -> None:
    assert at('{"<<": 1}\n', "<<").span.column == 8


def test_duplicate_keys_are_all_reported_and_the_first_is_kept() -> None:
    found, diagnostics = parse(SourceFile("f.yaml", "a: 1\nb: 2\na: 3\na: 4\n"))
    assert [(one.code, one.span.line, one.labels[0].span.line) for one in diagnostics] == [
        ("A0005", 3, 1),
        ("A0005", 4, 1),
    ]
    assert isinstance(found, Mapping)
    assert isinstance(found.get("a"), Scalar)
    assert found.entries["a"].value.span.line == 1


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
LADDER = "a0: &a0 " + "[" * 20 + "]" * 20 + "\na1: " + "[" * 20 + "*a0" + "]" * 20 + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{a: " * 60_000,
        "- " * 100_000,
        "? " * 100_000,
        BOMB,
        LADDER,
        "a: &a 1\nb: [" + "*a, " * 101 + "]\n",
        "[" + "1, " * 50_001 + "]",
        "a: " + "b" * 4097 + "\n",
    ],
    ids=["lists", "mappings", "items", "keys", "alias bomb", "alias ladder", "aliases", "nodes", "scalar"],
)
def test_limits_are_met_before_memory_is(text: str, within: Any) -> None:
    with within(1.0):
        assert refused(text).code == "A0003"


def test_depth_up_to_the_limit_is_read() -> None:
    assert tree("[" * 32 + "]" * 32)


def test_a_byte_order_mark_moves_no_column() -> None:
    file, diagnostics = decode("\ufeffa: 1\n".encode(), "f.yaml")
    assert diagnostics == []
    found, _ = parse(file)
    assert isinstance(found, Mapping)
    assert found.entries["a"].key.span.column == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"a: \xff\n", "A0002"),
        ("a: 1\n".encode("utf-16"), "A0002"),
        (b"\xed\xa0\x80", "A0002"),
        (b"#" * (256 * 1024 + 1), "A0003"),
    ],
)
def test_bytes_that_are_no_spec_are_refused(data: bytes, code: str) -> None:
    file, (diagnostic,) = decode(data, "f.yaml")
    assert (file.text, diagnostic.code) == ("", code)


def test_a_file_of_just_256_kib_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"#" * (256 * 1024))
    file, diagnostics = read_file(path)
    assert (len(file.text), diagnostics) == (256 * 1024, [])


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n"])
def test_a_text_without_a_value_has_no_tree(text: str) -> None:
    found, diagnostics = parse(SourceFile("f.yaml", text))
    assert diagnostics == []
    assert found is None or (isinstance(found, Scalar) and found.value is None)
