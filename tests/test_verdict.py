"""The verdict on random networks: archc accepts exactly those that build and run in eager PyTorch, less what is listed."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch", reason="torch is the oracle")

from verdict import composites, modules  # noqa: E402
from verdict.generate import random_net  # noqa: E402
from verdict.judge import ask_archc, ask_torch, compare, judge  # noqa: E402
from verdict.mutate import OPERATORS  # noqa: E402
from verdict.net import Net, Stage, walk  # noqa: E402
from verdict.runner import Tally, case, run, table  # noqa: E402
from verdict.shrink import shrunk  # noqa: E402
from verdict.stricter import CLASSES  # noqa: E402
from verdict.text import DEFINITIONS, spec_text  # noqa: E402

from archc.blocks.library import shipped_blocks  # noqa: E402
from archc.blocks.primitives import PRIMITIVES  # noqa: E402
from archc.ir import ops  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
GROUPS = 20
EACH = 50


@pytest.mark.parametrize("group", range(GROUPS))
def test_archc_accepts_exactly_what_runs(group: int) -> None:
    tally = run(range(group * EACH, (group + 1) * EACH))
    assert not tally.disagreements, "\n".join(
        f"seed {seed} ({operator or 'unchanged'}): {kind}: {detail}"
        for seed, operator, kind, detail in tally.disagreements
    )
    assert tally.outcomes["both accept"] >= EACH // 2  # all that are not mutated, at least
    assert tally.outcomes["both reject"] >= 3
    assert tally.outcomes["too large to run"] <= 3
    assert tally.mean_diagnostics <= 1.5


# -- the test itself ----------------------------------------------------------------------------------------------------


def first(kind: str, seeds: range) -> Net:
    """The first network whose verdicts compare as `kind`; fails where there is none."""
    for seed in seeds:
        one = case(seed)
        found = judge(one.net, seed)
        if found is not None and found[2].kind == kind:
            return one.net
    pytest.fail(f"no {kind} among {len(seeds)} networks")


def one_larger(*arguments: object) -> int | None:
    right = pool_size(*arguments)
    return None if right is None else right + arguments[-1]  # in ceil mode only


pool_size = ops.pool.pool_size


def test_a_wrong_shape_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.pool, "pool_size", one_larger)
    first("other shape", range(0, 200, 2))


def test_a_missing_constraint_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.Add, "requires", ops.Op.requires)
    first("false accept", range(1, 400, 2))


def test_a_constraint_too_many_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.Multiply, "requires", ops.Add.requires)
    net = first("false reject", range(0, 300, 2))
    small = shrunk(net)
    assert "multiply" in {stage.kind for _, stage in walk(small.stages)}
    assert len(list(walk(small.stages))) <= len(list(walk(net.stages)))
    assert judge(small)[2].kind == "false reject"


def test_a_missing_tensor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.GroupNorm, "tensors", ops.Op.tensors)
    first("other parameters", range(0, 300, 2))


def test_an_exception_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.Concat, "infer", lambda *inputs: 1 / 0)
    first("crash", range(0, 100, 2))


def test_a_wrong_eager_program_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composites.Parts, "bn", lambda self, channels: torch.nn.Identity())
    first("other parameters", range(0, 200, 2))


def test_strictness_that_is_lost_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.Linear, "requires", ops.Op.requires)
    first("not strict", range(1, 400, 2))


def test_a_rejection_for_another_reason_is_no_excuse() -> None:
    net = Net(2, (4, 4), (Stage("a", "linear", {"out_features": 4}),))
    theirs, ours, outcome = judge(net)
    assert outcome.kind == "stricter"
    assert theirs.classes == {"linear on a map"}
    theirs.classes = {"uneven split"}
    assert compare(theirs, ours).kind == "false reject"


def test_a_rejection_elsewhere_is_no_agreement() -> None:
    net = Net(2, (4, 4), (Stage("a", "conv", {"out_channels": 4, "kernel_size": 9}), Stage("b", "relu")))
    theirs, ours, outcome = judge(net)
    assert outcome.kind == "both reject"
    assert theirs.path == "a"
    theirs.path = "b"
    assert compare(theirs, ours).kind == "other reason"


# -- what it covers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nets() -> list[Net]:
    """Some networks that are valid."""
    return [random_net(seed) for seed in range(10_000, 10_120)]


def test_every_kind_is_generated_and_has_an_eager_form(nets: list[Net]) -> None:
    kinds = Counter(stage.kind for net in nets for _, stage in walk(net.stages))
    assert set(modules.MAKERS) == set(PRIMITIVES)
    assert {*composites.BLOCKS, "fuse"} <= {*shipped_blocks(), *DEFINITIONS}
    assert len(composites.BLOCKS) >= 11
    assert {net.rank for net in nets} == {0, 1, 2, 3}
    assert len(kinds) >= 50
    assert any(stage.repeat for net in nets for _, stage in walk(net.stages))
    assert any(net.outputs for net in nets)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_changes_the_spec(name: str, nets: list[Net]) -> None:
    rng = Random(name)
    changed = [(net, OPERATORS[name](rng, net)) for net in nets for _ in range(3)]
    done = [(net, new) for net, new in changed if new is not None]
    assert len(done) >= 5
    assert sum(spec_text(new) != spec_text(net) for net, new in done) >= len(done) // 2


def test_there_are_operators_enough() -> None:
    assert len(OPERATORS) >= 20


EAGER = (
    "modules",
    "composites",
    "eager",
    "net",
    "parts",
    "change",
    "mutate",
    "mutate_numbers",
    "mutate_structure",
    "stricter",
)


@pytest.mark.parametrize("name", EAGER)
def test_the_eager_side_has_no_code_of_archc(name: str) -> None:
    tree = ast.parse((ROOT / "tests" / "verdict" / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert not [one for one in names if one.split(".")[0] == "archc" or one == "judge"]


def test_the_table_counts_everything() -> None:
    tally = run(range(40_000, 40_030))
    other = Tally()
    other.merge(tally)
    other.merge(run(range(40_030, 40_040)))
    assert sum(other.outcomes.values()) == 40
    assert sum(sum(counts.values()) for counts in other.by_operator.values()) == 40 - other.outcomes["too large to run"]
    assert all(operator in table(other) for operator in other.by_operator)


# -- where archc is stricter --------------------------------------------------------------------------------------------


def net(*stages: Stage, channels: int = 4, sizes: tuple[int, ...] = (6, 6)) -> Net:
    return Net(channels, sizes, stages)


def stage(kind: str, *inputs: str, name: str = "", **attrs: object) -> Stage:
    return Stage(name or kind, kind, attrs, inputs)


ONE = stage("conv", name="one", out_channels=1, kernel_size=1)
LAST = stage("channels_last")
FLATTEN = stage("flatten")
POOLED = stage("global_avg_pool")
EXAMPLES = [
    ("broadcast", net(POOLED, stage("add", "input", "global_avg_pool"))),
    ("broadcast", net(ONE, stage("add", "input", "one"))),
    ("broadcast", net(ONE, stage("multiply", "input", "one"))),
    ("linear on a map", net(stage("linear", out_features=3))),
    ("nothing left", net(stage("adaptive_avg_pool", output_size=0))),
    ("nothing left", net(FLATTEN, stage("linear", out_features=0))),
    ("nothing left", net(stage("pad", padding=-3))),
    ("nothing left", net(stage("pad", padding=(-6, 2, 0, 0)))),
    ("nothing left", net(stage("vgg", out_channels=2, n=0))),
    ("bool", net(stage("conv", out_channels=3, kernel_size=True))),
    ("bool", net(stage("conv", out_channels=3, kernel_size=1, bias="false"))),
    ("bool", net(stage("batch_norm", affine=1))),
    ("bool", net(stage("dropout", p=True))),
    ("bool", net(stage("upsample", scale_factor="2"))),
    ("negative padding", net(stage("pad", padding=-1, mode="reflect"))),
    ("negative padding", net(stage("pad", padding=(-1, 1, 0, 0), mode="replicate"))),
    ("padding of other axes", net(stage("pad", padding=(1, 1, 1, 1, 1, 1)))),
    ("padding of other axes", net(stage("pad", padding=(1, 1)))),
    ("uneven split", net(stage("chunk", chunks=3, index=0))),
    ("uneven split", net(stage("ghost", out_channels=5))),
    ("uneven split", net(stage("ghost", out_channels=1))),
    ("layout", net(LAST, stage("max_pool", kernel_size=2))),
    ("layout", net(LAST, stage("conv", out_channels=2, kernel_size=1), sizes=(4, 6))),
    ("layout", net(LAST, stage("channels_last", name="again"))),
    ("layout", net(stage("channels_first"))),
    ("layout", net(LAST, stage("add", "input", "channels_last"), sizes=(4, 4))),
    ("axes", net(FLATTEN, stage("max_pool", kernel_size=2), sizes=(6,))),
    ("axes", net(FLATTEN, stage("dropout", channelwise=True))),
    ("axes", net(stage("pixel_shuffle", upscale_factor=1), sizes=(6,))),
    ("list of one", net(stage("conv", out_channels=2, kernel_size=3, stride=(2,)))),
    ("list of one", net(stage("max_pool", kernel_size=(2,)))),
    ("constant", net(stage("batch_norm", momentum=2.0))),
    ("constant", net(stage("layer_norm", eps=0.0))),
    ("constant", net(stage("elu", alpha=-1.0))),
    ("negative index", net(stage("chunk", chunks=2, index=-1))),
    ("fraction", net(stage("upsample", scale_factor=1.5, mode="linear"))),
    ("merge of one", net(ONE, stage("concat", "one"))),
    ("unused", net(ONE, stage("relu", "input"))),
]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{at} {name}" for at, (name, _) in enumerate(EXAMPLES)])
def test_classes_are_told_from_torchs_side(name: str, example: Net) -> None:
    theirs, ours = ask_torch(example), ask_archc(example)
    assert theirs.refusal == ""
    assert theirs.classes == {name}
    assert {one.code for one in ours.found} <= CLASSES[name].codes
    assert len(ours.found) == 1


def test_every_class_has_an_example() -> None:
    assert {name for name, _ in EXAMPLES} == set(CLASSES)


def test_the_documentation_lists_the_classes() -> None:
    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    rows = text.partition("<!-- table: stricter -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == [one.doc for one in CLASSES.values()]
    assert [set(re.findall(r"A\d{4}", row[-1])) for row in cells] == [set(one.codes) for one in CLASSES.values()]
