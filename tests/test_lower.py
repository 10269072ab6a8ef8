"""From specs to graphs: names, references, conditions, defaults, scopes of expressions, init, outputs, variants, free sizes."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

import archc
from archc.api import Spec, load_with
from archc.ir.graph import Graph
from archc.ir.ops import Conv
from archc.ir.text import to_text
from archc.ir.verify import verify

PICTURE = "archc: 1\nname: net\ninput: {channels: 4, height: 32, width: 32}\n"


def spec(text: str, *settings: str, head: str = PICTURE) -> Spec:
    return load_with("-", list(settings), (head + dedent(text)).encode())


def graph(text: str, *settings: str, head: str = PICTURE) -> Graph:
    loaded = spec(text, *settings, head=head)
    assert loaded.check(warnings=False) == []
    verify(loaded.graph)
    return loaded.graph


def paths(text: str, *settings: str) -> list[str]:
    return [node.path for node in graph(text, *settings).nodes]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("[{type: relu}, {type: gelu}]", "0 1"),
        ("[{name: a, type: relu}, {type: gelu}]", "a 1"),
        ("[{stages: [{type: relu}, {name: b, type: gelu}]}, {type: relu}]", "0.0 0.b 1"),
        ("[{name: a, repeat: 2, type: relu}]", "a.0 a.1"),
        ("[{name: a, repeat: 1, type: relu}]", "a.0"),
        ("[{name: a, repeat: 2, stages: [{type: relu}, {type: gelu}]}]", "a.0.0 a.0.1 a.1.0 a.1.1"),
        ("[{repeat: 2, type: relu}, {type: gelu}]", "0.0 0.1 1"),
        ("[{inline: true, stages: [{type: relu}, {type: gelu}]}, {type: relu}]", "0 1 2"),
        ("[{type: relu}, {inline: true, stages: [{name: b, type: relu}, {type: gelu}]}, {type: relu}]", "0 b 2 3"),
        ("[{inline: true, repeat: 2, stages: [{type: relu}, {type: gelu}]}, {type: relu}]", "0 1 2 3 4"),
        ("[{inline: true, repeat: 2, type: relu}, {type: gelu}]", "0 1 2"),
        ("[{name: 'a${i + 1}', inline: true, repeat: 2, type: relu}, {type: gelu}]", "a1 a2 2"),
        ("[{name: 'a$i', inline: true, repeat: 2, stages: [{type: relu}]}]", "a0.0 a1.0"),
        ("[{name: a, type: transition, names: {norm: bn, conv: '0'}}]", "a.bn a.relu a.0 a.pool"),
        ("[{type: vgg, out_channels: 2, n: 2}]", "0.0 0.1 0.2 0.3 0.4"),
        ("[{type: vgg, out_channels: 2, norm: batch_norm, inline: true}, {type: relu}]", "0 1 2 3 4"),
        ("[{type: relu, when: false}, {type: gelu}]", "0"),
        ("[{name: a, type: relu, when: '${1 > 2}'}, {type: gelu}]", "0"),
        ("[{type: none}, {type: gelu}]", "0"),
    ],
)  # fmt: skip
def test_paths_follow_names_and_places(stages: str, expected: str) -> None:
    assert paths(f"stages: {stages}\n") == expected.split()


def test_a_stage_without_from_takes_its_predecessor() -> None:
    net = graph("stages: [{type: relu}, {type: gelu}]")
    assert [node.inputs for node in net.nodes] == [(0,), (net.nodes[0].output,)]


def test_input_is_what_entered_the_list() -> None:
    net = graph("""\
        stages:
          - {name: stem, type: relu}
          - {name: g, stages: [{name: a, type: gelu}, {name: b, type: add, from: [a, input]}]}
    """)
    assert net.node_at["g.b"].inputs == (net.node_at["g.a"].output, net.node_at["stem"].output)


def test_a_reference_to_a_removed_stage_is_its_first_input() -> None:
    text = """\
        params: {deep: true}
        stages:
          - {name: a, type: relu}
          - {name: b, type: gelu, when: $deep}
          - {name: c, type: add, from: [b, a]}
    """
    assert graph(text).node_at["c"].inputs == (2, 1)
    assert graph(text, "deep=false").node_at["c"].inputs == (1, 1)


def test_a_removed_group_is_what_it_would_have_taken() -> None:
    net = graph("""\
        stages:
          - {name: a, type: relu}
          - {name: down, from: input, when: false, stages: [{type: conv, out_channels: 9, kernel_size: 1}]}
          - {name: c, type: add, from: [a, down]}
    """)
    assert net.node_at["c"].inputs == (1, 0)


def test_the_copies_of_a_repeat_follow_each_other() -> None:
    net = graph("stages: [{name: a, repeat: 3, type: relu}, {name: b, type: concat, from: [input, a.*]}]")
    assert [net.node_at[f"a.{i}"].inputs for i in range(3)] == [(0,), (1,), (2,)]
    assert net.node_at["b"].inputs == (0, 1, 2, 3)


def test_a_concat_of_copies_alone_is_allowed() -> None:
    assert graph("stages: [{name: a, repeat: 1, type: relu}, {name: b, type: concat, from: a.*}]").node_at[
        "b"
    ].inputs == (1,)


def test_a_stride_beside_repeat_goes_to_the_first_copy() -> None:
    net = graph("stages: [{name: a, repeat: 3, type: conv, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}]")
    assert [node.op.stride for node in net.nodes if isinstance(node.op, Conv)] == [(2, 2), (1, 1), (1, 1)]


def test_a_stride_inside_a_repeated_group_is_every_copys() -> None:
    net = graph(
        "stages: [{name: a, repeat: 2, stages: [{type: conv, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}]}]"
    )
    assert [node.op.stride for node in net.nodes if isinstance(node.op, Conv)] == [(2, 2), (2, 2)]


def test_i_counts_the_copies() -> None:
    net = graph("""\
        stages:
          - {name: a, repeat: 3, type: conv, out_channels: "${8 * (i + 1)}", kernel_size: 1}
          - {name: b, repeat: 2, stages: [{type: conv, out_channels: "${5 + i}", kernel_size: 1}]}
    """)
    assert [node.op.out_channels for node in net.nodes if isinstance(node.op, Conv)] == [8, 16, 24, 5, 6]


def test_in_channels_is_what_arrives() -> None:
    net = graph("""\
        blocks:
          twice:
            params: {width: {type: int, default: "${in_channels * 2}"}}
            stages:
              - {type: conv, out_channels: $width, kernel_size: 1}
              - {type: conv, out_channels: "${in_channels + 1}", kernel_size: 1}
        stages: [{name: a, type: twice, repeat: 2}]
    """)
    assert [node.op.out_channels for node in net.nodes if isinstance(node.op, Conv)] == [8, 9, 18, 19]


@pytest.mark.parametrize(
    ("defaults", "stage", "eps"),
    [
        ("{}", "{type: conv_norm_act, out_channels: 2}", 1e-5),
        ("{batch_norm: {eps: 2}}", "{type: conv_norm_act, out_channels: 2}", 2.0),
        ("{batch_norm: {eps: 2}}", "{type: conv_norm_act, out_channels: 2, norm: {type: batch_norm, eps: 3}}", 3.0),
        ("{conv_norm_act: {norm: {type: batch_norm, eps: 4}}}", "{type: conv_norm_act, out_channels: 2}", 4.0),
        ("{batch_norm: {eps: 2}}", "{name: norm, type: batch_norm, eps: 5}", 5.0),
        ("{batch_norm: {eps: $e}}", "{type: conv_norm_act, out_channels: 2}", 7.0),
    ],
)
def test_what_is_nearest_to_the_use_sets_a_field(defaults: str, stage: str, eps: float) -> None:
    net = graph(f"params: {{e: 7.0}}\ndefaults: {defaults}\nstages: [{stage}]\n")
    (norm,) = (node for node in net.nodes if node.type == "batch_norm")
    assert norm.op.eps == eps  # type: ignore[attr-defined]


def test_defaults_rename_children_unless_the_stage_does() -> None:
    text = """\
        defaults: {transition: {names: {norm: bn, conv: c}}}
        stages: [{name: a, type: transition}, {name: b, type: transition, names: {norm: n}}]
    """
    assert paths(text) == ["a.bn", "a.relu", "a.c", "a.pool", "b.n", "b.relu", "b.c", "b.pool"]


def test_a_block_with_several_inputs() -> None:
    net = graph("""\
        blocks:
          merge:
            inputs: [x, skip]
            stages:
              - {name: up, type: relu}
              - {name: join, type: concat, from: [up, skip]}
              - {name: last, type: concat, from: [join, input]}
        stages: [{name: a, type: relu}, {name: b, type: gelu}, {name: m, type: merge, from: [b, a]}]
    """)
    assert net.scope_at["m"].inputs == (2, 1)
    assert net.scope_at["m"].input_names == ("x", "skip")
    assert net.node_at["m.up"].inputs == (2,)
    assert net.node_at["m.join"].inputs == (3, 1)
    assert net.node_at["m.last"].inputs == (4, 2)


def test_block_parameters_carry_their_fields() -> None:
    net = graph("stages: [{type: nin, out_channels: 2, kernel_size: 1, act: {type: leaky_relu, negative_slope: 0.2}}]")
    slopes = [node.op.constants for node in net.nodes if node.type == "leaky_relu"]  # type: ignore[attr-defined]
    assert slopes == [{"negative_slope": 0.2}] * 3


INIT = """\
init: {conv: {weight: zeros}}
stages:
  - {name: a, type: conv, out_channels: 4, kernel_size: 1}
  - {name: b, type: conv, out_channels: 4, kernel_size: 1, init: {weight: ones}}
  - {name: g, init: {conv: {weight: {type: constant, value: "${1 / out_channels}"}}}, stages: [
      {name: c, type: conv, out_channels: 4, kernel_size: 1},
      {name: d, type: conv, out_channels: 4, kernel_size: 1, init: {weight: none}}]}
"""


def test_the_innermost_init_wins() -> None:
    net = graph(INIT)
    chosen = {node.path: dict(node.init)["weight"] for node in net.nodes}
    assert {path: init.type for path, init in chosen.items()} == {
        "a": "zeros",
        "b": "ones",
        "g.c": "constant",
        "g.d": "constant",
    }
    assert chosen["g.c"].constants == {"value": 0.25}


def test_the_last_stage_is_the_output_by_default() -> None:
    (output,) = graph("stages: [{type: relu}, {name: fc, type: gelu}]").outputs
    assert (output.name, output.value) == ("fc", 2)


def test_outputs_may_live_in_training_only_or_be_removed() -> None:
    text = """\
        params: {aux: true}
        stages:
          - {name: a, type: relu}
          - {name: side, type: gelu, when: $aux}
          - {name: b, type: silu, from: a}
        outputs: {logits: b, aux: {from: side, only: training}}
    """
    net = graph(text)
    assert [(out.name, out.training_only) for out in net.outputs] == [("logits", False), ("aux", True)]
    assert net.inference_nodes == {"a", "b"}
    assert [out.name for out in graph(text, "aux=false").outputs] == ["logits"]


PARENT = """\
archc: 1
name: parent
input: {channels: 3, height: 8, width: 8}
params: {width: {type: int, default: 4, min: 2}, act: relu}
defaults: {batch_norm: {eps: 1e-3}}
stages:
  - {name: conv, type: conv, out_channels: $width, kernel_size: 1}
  - {name: norm, type: batch_norm}
  - {name: act, type: $act}
  - {name: tail, type: gelu}
outputs: {y: tail}
expect: {conv: [4, 8, 8], tail: [4, 8, 8]}
train: {data: {type: synthetic, channels: 3, height: 8, width: 8, classes: $width}, label: map, batch_size: 8, epochs: 1, optimizer: {type: sgd, lr: 0.1, momentum: 0.9}}
"""


def variant(folder: Path, text: str) -> Spec:
    (folder / "parent.yaml").write_text(PARENT, encoding="utf-8")
    (folder / "child.yaml").write_text("extends: parent.yaml\nname: child\n" + text, encoding="utf-8")
    loaded = archc.load(folder / "child.yaml")
    assert loaded.check(warnings=False) == []
    return loaded


def test_a_variant_changes_what_it_says_and_keeps_the_rest(tmp_path: Path) -> None:
    net = variant(
        tmp_path,
        "params: {width: 6}\ninput: {height: 9}\nexpect: {conv: [6, 9, 8], tail: [6, 9, 8]}\ntrain: null\n",
    ).graph
    assert net.name == "child"
    assert [axis.default for axis in net.input.axes] == [9, 8]
    assert net.types[1].dims == (6, 9, 8)
    assert net.node_at["norm"].op.eps == 1e-3  # type: ignore[attr-defined]


def test_a_variant_keeps_the_bounds_of_params(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(PARENT, encoding="utf-8")
    (tmp_path / "child.yaml").write_text("extends: parent.yaml\nname: child\nparams: {width: 1}\n", encoding="utf-8")
    assert [one.code for one in archc.load(tmp_path / "child.yaml").check()] == ["A0104"]


def test_upto_drops_what_follows_its_claims_and_the_outputs(tmp_path: Path) -> None:
    net = variant(
        tmp_path,
        "upto: norm\nparams: {k: 3}\nstages: [{name: head, type: conv, out_channels: 2, kernel_size: $k}]\ntrain: null\n",
    ).graph
    assert [node.path for node in net.nodes] == ["conv", "norm", "head"]
    assert [out.name for out in net.outputs] == ["head"]


def test_null_drops_a_section_of_the_parent(tmp_path: Path) -> None:
    for text in ("train: null\n", "train: ~\ndefaults: null\nexpect: null\nbudget: null\ninit: null\naliases: null\n"):
        loaded = variant(tmp_path, text).loaded
        assert loaded.tree is not None
        assert "train" not in loaded.tree.entries
    assert not {"defaults", "expect", "budget", "init"} & loaded.tree.entries.keys()


def test_a_type_in_a_section_replaces_it_whole(tmp_path: Path) -> None:
    loaded = variant(tmp_path, "train: {epochs: 2, optimizer: {type: sgd, lr: 0.5}}\n")
    assert loaded.loaded.tree is not None
    train = archc.api.plain(loaded.loaded.tree.entries["train"].value)  # type: ignore[attr-defined]
    assert train == {
        "data": {"type": "synthetic", "channels": 3, "height": 8, "width": 8, "classes": "$width"},
        "label": "map",
        "batch_size": 8,
        "epochs": 2,
        "optimizer": {"type": "sgd", "lr": 0.5},
    }


@pytest.mark.parametrize(
    ("form", "dims"),
    [
        ("{features: 7}", (7,)),
        ("{channels: 3, length: 9}", (3, 9)),
        ("{channels: 3, height: 9, width: 8}", (3, 9, 8)),
        ("{width: 8, channels: 3, height: 9}", (3, 9, 8)),
        ("{channels: 3, depth: 5, height: 9, width: 8}", (3, 5, 9, 8)),
        ("{channels: 3, length: {min: 4, multiple_of: 4, default: 12}}", (3, 12)),
    ],
)
def test_inputs_of_every_rank(form: str, dims: tuple[int, ...]) -> None:
    net = graph("stages: [{type: relu}]", head=f"archc: 1\nname: net\ninput: {form}\n")
    assert net.types[0].dims == net.types[1].dims == dims


def test_free_sizes_are_kept() -> None:
    head = "archc: 1\nname: net\ninput: {channels: 3, height: {min: 32, max: 96, multiple_of: 32, default: 64}, width: 32}\n"
    height, width = graph("stages: [{type: relu}]", head=head).input.axes
    assert (height.free, height.min, height.max, height.multiple_of, height.default) == (True, 32, 96, 32, 64)
    assert not width.free


def test_the_text_form_of_a_graph() -> None:
    net = graph("""\
        stages:
          - {name: conv, type: conv, out_channels: 8, kernel_size: 3, bias: false}
          - {name: pool, type: global_avg_pool}
          - {name: join, type: multiply, from: [conv, pool]}
        outputs: {y: join, aux: {from: pool, only: training}}
    """)
    assert to_text(net) == dedent("""\
        graph net (%0: (N, 4, 32, 32))
          %1 = Conv(%0) {in_channels=4, out_channels=8, kernel_size=(3, 3), stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, bias=False} -> (N, 8, 30, 30)  # conv
          %2 = AdaptiveAvgPool(%1) {output_size=(1, 1)} -> (N, 8, 1, 1)  # pool
          %3 = Multiply(%1, %2) -> (N, 8, 30, 30)  # join
          return y = %3
          return aux = %2 in training
    """)


def test_load_takes_params_by_name() -> None:
    net = archc.load("resnet18", num_classes=10)
    assert net.check(warnings=False) == []
    assert net.graph.types[net.graph.outputs[0].value].dims == (10,)


@pytest.mark.parametrize(
    ("settings", "widths"),
    [
        ((), [16, 32]),
        (("widths=[1, 2]",), [1, 2]),
        (("widths=[8, 8]", "factor=0.5"), [4, 4]),
        (("factor=2",), [32, 64]),
    ],
)
def test_settings_reach_expressions(settings: tuple[str, ...], widths: list[int]) -> None:
    text = """\
        params: {widths: [16, 32], factor: 1.0, scaled: "${widths * factor}"}
        stages:
          - {type: conv, out_channels: "${scaled[0]}", kernel_size: 1}
          - {type: conv, out_channels: "${scaled[1]}", kernel_size: 1}
    """
    net = graph(text, *settings)
    assert [node.op.out_channels for node in net.nodes if isinstance(node.op, Conv)] == widths


def test_the_same_spec_gives_the_same_graph() -> None:
    first, second = archc.load("googlenet").graph, archc.load("googlenet").graph
    assert to_text(first) == to_text(second)
    assert first.order == second.order


def test_what_is_wrong_is_raised_with_its_diagnostics() -> None:
    wrong = spec("stages: [{type: rleu}]")
    with pytest.raises(archc.SpecError, match=r"<stdin>:4:17: error\[A0105\]") as caught:
        _ = wrong.graph
    assert [one.code for one in caught.value.diagnostics] == ["A0105"]
