"""Each limit on its two sides: what still passes, and what the finding says of one more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hostile import HEAD, chain, lines, param

import archc
from archc.analysis.cost import costs
from archc.api import load_with
from archc.diagnostics import Diagnostic, Span
from archc.ir.graph import Graph
from archc.ir.text import to_text
from archc.ir.verify import verify
from archc.limits import MAX_OPS
from archc.lower import units
from archc.spec.load import shipped_specs
from archc.spec.values import BlockRef, Value

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.yaml"))


def check(text: str) -> list[Diagnostic]:
    return load_with("-", [], text.encode()).check(warnings=False)


def features(text: str) -> str:
    return f"archc: 1\nname: net\ninput: {{features: 4}}\n{text}"


def ops(count: int) -> str:
    """A network of `count` ops, most of them by a repeat."""
    whole, rest = divmod(count - 1, 10)
    more = "".join(f"  - {{name: r{at}, type: relu}}\n" for at in range(rest + 1))
    ten = "".join("      - {type: relu}\n" for _ in range(10))
    return features(f"stages:\n{more}  - name: body\n    repeat: {whole}\n    stages:\n{ten}")


SIDES: dict[str, tuple[Callable[[int], str], int, str]] = {
    "characters of a scalar": (lambda n: HEAD + f"doc: {'x' * n}\nstages: [{{type: relu}}]\n", 4096, "A0003"),
    "nodes": (lambda n: HEAD + f"params: {{a: {{type: int, default: 1, choices: [{'1,' * (n - 28)}]}}}}\nstages: [{{type: relu}}]\n", 50_000, "A0003"),
    "levels": (lambda n: HEAD + "params: {a: " + "[" * (n - 2) + "]" * (n - 2) + "}\nstages: [{type: relu}]\n", 32, "A0003"),
    "aliases": (lambda n: HEAD + "params: {a: &a 1, b: [" + "*a, " * n + "]}\nstages: [{type: relu}]\n", 100, "A0003"),
    "older names": (lambda n: features("stages: [{type: linear, out_features: 1}]\naliases: {" + "".join(f"a{at}: weight, " for at in range(n)) + "}\n"), 64, "A0003"),
    "an int": (lambda n: features(f"stages: [{{type: dropout, p: '${{1 if {n} > 3 else 0}}'}}]\nparams: {{a: {n}}}\n"), 2**31 - 1, "A0008"),
    "parts": (lambda n: param("+".join(["1"] * (n // 2 + n % 2)) if n % 2 else "-" + "+".join(["1"] * (n // 2))), 64, "A0201"),
    "elements": (lambda n: HEAD + f"params: {{a: [{'1, ' * n}]}}\nstages: [{{type: relu}}]\n", 1000, "A0003"),
    "copies": (lambda n: HEAD + f"stages: [{{type: relu, repeat: {n}}}]\n", 10_000, "A0104"),
    "size": (lambda n: f"archc: 1\nname: n\ninput: {{channels: 1, length: {n}}}\nstages: [{{type: relu}}]\n", 2**20, "A0104"),
    "ops": (ops, 20_000, "A0003"),
    "parameters": (lambda n: features(f"stages: [{{type: linear, out_features: 100000}}, {{type: linear, out_features: {(n - 500_000) // 100_001}}}]\n"), 10**11, "A0003"),
    "blocks in blocks": (lambda n: HEAD + "blocks:\n" + lines("  b@: {stages: [{type: b#}]}\n", n - 1) + f"  b{n - 1}: {{stages: [{{type: relu}}]}}\nstages: [{{type: b0}}]\n", 32, "A0003"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(SIDES))
def test_a_limit_is_reached_and_not_passed(name: str) -> None:
    write, most, code = SIDES[name]
    assert check(write(most)) == []
    step = 100_001 if name == "parameters" else 1
    assert {one.code for one in check(write(most + step))} == {code}


def test_the_finding_counts_the_ops_and_names_the_repeat() -> None:
    text = ops(MAX_OPS + 1)
    (found,) = check(text)
    assert found.message == "the network has more than 20,000 ops"
    assert found.label == "2,000 copies of 10 ops make 20,000"
    assert found.path == "body"
    assert text.splitlines()[found.span.line - 1].strip() == "repeat: 2000"
    assert found.span.end_column - found.span.column == len("2000")


COUNTS = [
    ("repeat: 100, stages: [{repeat: 201, type: relu}]", "100 copies of 201 ops make 20,100", "0"),
    ("repeat: 9999, stages: [{type: relu}, {type: relu}, {type: relu, when: '${i < 5}'}, {type: relu}]", None, ""),
    ("repeat: 3000, type: residual, out_channels: 3", "3,000 copies of 7 ops make 21,000", "0"),
    ("repeat: 3000, type: residual, out_channels: 8", "3,000 copies make 21,002 ops", "0"),
    ("repeat: 9999, type: relu}, {repeat: 9999, type: relu}, {repeat: 9999, type: relu", "9,999 copies of 1 op make 9,999", "2"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "label", "path"), COUNTS)
def test_the_repeat_that_makes_most_is_named(stage: str, label: str | None, path: str) -> None:
    (found,) = check(HEAD + f"stages: [{{{stage}}}]\n")
    assert found.message == "the network has more than 20,000 ops"
    assert found.label == (label or "9,999 copies of at least 3 ops make 29,997")
    assert found.path == path


def test_parameters_are_counted_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    from archc.backends import initialise
    from archc.cli import main

    monkeypatch.setattr(initialise, "initialise", lambda *_: pytest.fail("weights were drawn"))
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SIDES["parameters"][0](10**11 + 100_001), encoding="utf-8")
    for target in ("--python", "--onnx", "--torch"):
        assert main(["compile", "net.yaml", target, "out.safetensors"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.yaml"]


@pytest.mark.parametrize(("count", "codes"), [(8, []), (9, ["A0502"])])
def test_a_chain_of_extends_has_eight_specs(count: int, codes: list[str], tmp_path: Path) -> None:
    (name,) = chain(count, HEAD + "stages: [{type: relu}]\n")(tmp_path)
    assert [one.code for one in archc.load(tmp_path / name).check(warnings=False)] == codes


def test_a_spec_and_what_it_extends_are_measured_together(tmp_path: Path) -> None:
    (name,) = chain(2, HEAD + "stages: [{type: relu}]\n", "#" * 140_000 + "\n")(tmp_path)
    (found,) = archc.load(tmp_path / name).check(warnings=False)
    assert (found.code, found.span.file.name) == ("A0003", str(tmp_path / "s0.yaml"))


# -- copies that are not lowered again ----------------------------------------------------------------------------------


def plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on each copy of a repeat and each use of a block is lowered for itself."""
    monkeypatch.setattr(units, "varies", lambda stage, init: True)
    monkeypatch.setattr(units.Units, "variables", lambda *_: None)


def said(graph: Graph) -> str:
    """All that a graph says."""
    scopes = [(one.path, one.kind, one.type, one.inputs, one.output, one.input_names) for one in graph.scopes]
    inits = [(node.path, node.type, node.init, node.span.position) for node in graph.nodes]
    return f"{to_text(graph)}{scopes}{inits}{graph.order}{graph.outputs}{costs(graph)}"


def at(span: Span | None) -> tuple[object, ...]:
    return span.position if span is not None else ()


def said_of(value: Value) -> object:
    return (value.type, value.values()) if isinstance(value, BlockRef) else value


def blamed(spec: archc.Spec) -> dict[str, object]:
    """What gave each field of each op, and the uses of blocks that led to it."""
    assert spec._lowered is not None
    return {
        path: (
            {name: (said_of(one.value), at(one.origin), at(span)) for name, (one, span) in site.arguments.items()},
            [(at(use.span), use.block) for use in site.env.uses],
        )
        for path, site in spec._lowered[2].sites.items()
    }


SHORT = {
    "a chain": "{type: conv, out_channels: 3, kernel_size: 3, padding: 1, repeat: 5}",
    "strides": "{type: conv, out_channels: 3, kernel_size: 3, padding: 1, stride: 2, repeat: 4}",
    "groups": "{repeat: 4, stages: [{name: a, repeat: 3, stages: [{type: conv, out_channels: 3, kernel_size: 1}, {type: relu}]}]}",
    "skips": "{repeat: 4, stages: [{name: a, type: relu}, {type: add, from: [a, input]}]}",
    "copies of every copy": "{repeat: 3, stages: [{name: a, repeat: 3, type: relu}, {type: add, from: [a.*]}]}",
    "by number": "{repeat: 4, stages: [{type: conv, out_channels: '${i + 1}', kernel_size: 1}, {type: relu}]}",
    "a number below": "{repeat: 3, stages: [{repeat: 3, stages: [{type: relu, name: 'a${i}'}]}]}",
    "nothing": "{type: relu}, {repeat: 4, stages: [{type: relu, when: false}]}",
    "what is absent": "{repeat: 4, stages: [{type: relu, name: a, when: '${in_channels > 3}'}, {type: conv, out_channels: 4, kernel_size: 1}]}",
    "claims": "{repeat: 4, stages: [{type: relu, expect: [3, 32, 32]}]}",
    "blocks": "{type: residual, out_channels: 8, repeat: 4}, {type: residual, out_channels: 8}, {type: residual, out_channels: 8}",
    "renames": "{type: residual, out_channels: 3, names: {conv1: c}}, {type: residual, out_channels: 3}",
    "in line": "{repeat: 4, inline: true, stages: [{type: relu}, {type: residual, out_channels: 3}]}",
    "init": "{repeat: 3, init: {conv: {weight: {type: normal, std: '${1 / (i + 1)}'}}}, stages: [{type: conv, out_channels: 3, kernel_size: 1}]}",
    "widths": "{type: two, width: 3}, {type: two, width: 4}, {type: two, width: 3}, {type: two, width: 3, act: gelu}",
    "of copies": "{repeat: 4, stages: [{type: two, width: '${min(i, 1) + 3}'}, {type: conv, out_channels: 3, kernel_size: 1}]}",
    "in line, by number": "{repeat: 4, inline: true, stages: [{type: two, width: 3, p: '${i / 10}'}]}",
    "from elsewhere": "{type: outer, width: 3}, {type: outer, width: 3}",
    "a bool and an int": "{type: conv, out_channels: 3, kernel_size: 1, bias: true}, {type: conv, out_channels: 3, kernel_size: 1, groups: 1}",
}  # fmt: skip

BLOCKS = """\
blocks:
  two:
    params: {width: {type: int}, act: {type: block, default: relu}, p: 0.0}
    stages:
      - {type: conv, out_channels: $width, kernel_size: 1}
      - {type: batch_norm, momentum: "${0.1 + p / 10}"}
      - {type: $act}
  outer:
    params: {width: {type: int}}
    stages:
      - {type: two, width: $width}
      - {type: two, width: $width}
      - {type: two, width: $width, act: {type: leaky_relu, negative_slope: 0.1}}
      - {type: two, width: $width, act: {type: leaky_relu, negative_slope: 0.2}}
"""


@pytest.mark.parametrize("name", list(SHORT))
def test_copies_are_what_lowering_each_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        HEAD + f"stages: [{SHORT[name]}]\ninit: {{conv: {{weight: {{type: kaiming_normal, mode: fan_out}}}}}}\n{BLOCKS}"
    )
    short = load_with("-", [], text.encode())
    verify(short.graph)
    places = blamed(short)
    plainly(monkeypatch)
    whole = load_with("-", [], text.encode())
    assert said(short.graph) == said(whole.graph)
    assert places == blamed(whole)


@pytest.mark.parametrize("path", [*shipped_specs().values(), *EXAMPLES], ids=lambda path: path.stem)
def test_shipped_specs_are_what_lowering_each_copy_gives(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = archc.load(path)
    places = blamed(short)
    plainly(monkeypatch)
    whole = archc.load(path)
    assert said(short.graph) == said(whole.graph)
    assert places == blamed(whole)


def test_a_claim_that_fails_in_each_copy_is_said_once() -> None:
    (found,) = check(HEAD + "stages: [{name: a, repeat: 50, stages: [{type: relu, expect: [3, 32, 31]}]}]\n")
    assert (found.code, found.path) == ("A0505", "")


def test_values_of_variables_are_told_apart_by_kind_in_lists_too() -> None:
    same = [1, 1.0, True, (1, 2), (1.0, 2), (True, 2), ((1,), 2), ((1.0,), 2)]
    assert len({units.told_apart(value) for value in same}) == len(same)


def test_a_field_that_does_not_fit_is_refused_although_an_equal_number_did() -> None:
    (found,) = check(HEAD + "stages: [{type: conv, out_channels: 3, kernel_size: 1, bias: true}, {type: conv, out_channels: 3, kernel_size: 1, bias: 1}]\n")  # fmt: skip
    assert found.code == "A0103"
