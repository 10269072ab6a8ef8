"""What `budget` bounds: parameters, MACs, activations and file sizes, each against what torch and the files have."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
from test_mistakes import HEAD, STAGES, check, one

import archc
from archc.analysis.cost import costs, peak_activation_bytes, peak_activations
from archc.analysis.file_size import weights_file_bytes
from archc.cli.main import main
from archc.diagnostics.render import to_text
from archc.ir import ops
from archc.ir.graph import Graph
from archc.ir.in_place import in_place

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SPECS = [
    "fashion_mnist/lenet_bn",
    "fashion_mnist/nin",
    "fashion_mnist/resnet18",
    "imagenet/googlenet",
    "imagenet/mobilenet_v3_small",
    "imagenet/shufflenet_v2_x1_0",
    "imagenet/densenet121",
    EXAMPLES / "unet.yaml",
    EXAMPLES / "auxiliary.yaml",
    EXAMPLES / "resnet1d.yaml",
    EXAMPLES / "se_resnet.yaml",
]
LOOKS = (ops.Chunk, ops.Permute)
"""Ops that torch does by looking at a part of a value or at its axes in another order, and that are counted as copies."""

each = pytest.mark.parametrize("name", SPECS, ids=lambda name: Path(name).stem)


# -- messages -----------------------------------------------------------------------------------------------------------

TWO = """\
  - {name: conv1, type: conv, out_channels: 64, kernel_size: 3}
  - {name: conv2, type: conv, out_channels: 64, kernel_size: 3}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 10}
"""


def test_a_budget_names_both_numbers_and_the_three_that_cost_most() -> None:
    found = one(STAGES + TWO + "budget: {parameters: 30 k}")
    assert found.label == "declared 30,000, inferred 39,370"
    assert found.notes == ("most in `conv2` 36,928 (94%), `conv1` 1,792 (5%), `fc` 650 (2%)",)


def test_macs_are_named_by_stage() -> None:
    found = one(STAGES + TWO + "budget: {macs: 1 M}")
    assert found.label == "declared 1,000,000, inferred 30,457,216"
    assert found.notes == ("most in `conv2` 28,901,376 (95%), `conv1` 1,555,200 (5%), `fc` 640 (0%)",)


def test_activations_are_named_where_most_is_held() -> None:
    found = one(STAGES + TWO + "budget: {activation_memory: 64 KiB, batch: 2}")
    assert found.label == "declared 65,536 B (64 KiB), inferred 862,208 B (842 KiB) for a batch of 2"
    assert found.notes == ("at `conv2` the most is held at once, by `conv1` 450 KiB (53%), `conv2` 392 KiB (47%)",)


def test_the_input_can_be_what_is_held() -> None:
    found = one(STAGES + "  - {name: pool, type: global_avg_pool}\nbudget: {activation_memory: 1 KiB}")
    assert found.notes == ("at `pool` the most is held at once, by the input 12 KiB (100%), `pool` 12 B (0%)",)


@pytest.mark.parametrize(
    ("bound", "number"),
    [
        ("39370", 39370),
        ("39.37 k", 39370),
        ("39.37k", 39370),
        ("'0.03937 M'", 39370),
        ("3.937e4", 39370),
        ("$most", 39370),
        ('"${most * 1}"', 39370),
    ],
)
def test_what_is_within_its_budget_is_clean(bound: str, number: int) -> None:
    text = HEAD + "input: {channels: 3, height: 32, width: 32}\nparams: {most: 39370}\nstages:\n" + TWO
    assert check(text + f"budget: {{parameters: {bound}}}") == []
    less = bound.replace("39", "38").replace("37", "36") if "most" not in bound else bound
    text = text.replace("39370", "39369") if "most" in bound else text
    found = check(text + f"budget: {{parameters: {less}}}")
    assert [one.code for one in found] == ["A0506"], to_text(found)


@pytest.mark.parametrize(("unit", "factor"), [("B", 1), ("kB", 1000), ("KiB", 1024), ("MB", 10**6), ("MiB", 2**20)])
def test_units_of_bytes(unit: str, factor: int) -> None:
    spec = STAGES + "  - {type: linear, out_features: 1000}\n"
    spec = spec.replace("{channels: 3, height: 32, width: 32}", "{features: 1000}")
    size = weights_file_bytes(archc.api.load_with("-", [], spec.encode()).graph)
    assert check(spec + f"budget: {{file_size: {size / factor + 0.01:.8f} {unit}}}") == []
    if factor < 1e6:
        assert [one.code for one in check(spec + f"budget: {{file_size: {(size - 1) / factor:.8f} {unit}}}")] == [
            "A0506"
        ]


def test_several_budgets_are_several_mistakes() -> None:
    found = check(STAGES + TWO + "budget: {parameters: 1, macs: 1, file_size: 1, activation_memory: 1}")
    assert [one.code for one in found] == ["A0506"] * 4


def test_a_variant_raises_the_budget_of_its_parent(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(STAGES + TWO + "budget: {parameters: 40 k, macs: 40 M}\n", encoding="utf-8")
    child = "archc: 1\nextends: parent.yaml\nname: wide\nstages: [{name: fc2, type: linear, out_features: 100}]\n"
    (tmp_path / "child.yaml").write_text(child, encoding="utf-8")
    (found,) = archc.load(tmp_path / "child.yaml").check()
    assert found.code == "A0506"
    (tmp_path / "child.yaml").write_text(child + "budget: {parameters: 41 k}\n", encoding="utf-8")
    assert archc.load(tmp_path / "child.yaml").check() == []


# -- files --------------------------------------------------------------------------------------------------------------


@each
def test_file_size_is_that_of_the_weights_file(name: str | Path, tmp_path: Path) -> None:
    from archc.backends.weights import save_safetensors

    spec = archc.load(name)
    save_safetensors(spec.state(), tmp_path / "net.safetensors")
    assert weights_file_bytes(spec.graph) == (tmp_path / "net.safetensors").stat().st_size


def test_file_size_is_that_of_what_compile_writes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "net.safetensors"
    assert main(["compile", "fashion_mnist/lenet_bn", "--torch", str(path)]) == 0
    assert weights_file_bytes(archc.load("fashion_mnist/lenet_bn").graph) == path.stat().st_size


@each
def test_an_onnx_file_has_the_tensors_of_inference_and_little_beside(name: str | Path) -> None:
    pytest.importorskip("onnx")
    spec = archc.load(name)
    graph = spec.graph
    tensors = [t for node in graph.nodes if node.path in graph.inference_nodes for t in node.op.tensors()]
    live = sum(4 * prod(tensor.shape) for tensor in tensors if tensor.dtype == "float32")
    text = sum(len(file.text.encode()) for file in spec.texts)
    beside = spec.to_onnx().ByteSize() - live - text
    assert 150 * len(graph.inference_nodes) < beside < 450 * len(graph.inference_nodes)


# -- against torch ------------------------------------------------------------------------------------------------------


@each
def test_parameters_and_macs_are_torchs(name: str | Path) -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    spec = archc.load(name)
    net = spec.to_torch().eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *spec.graph.types[0].shape))
    found = costs(spec.graph)[""]
    assert found.parameters == sum(parameter.numel() for parameter in net.parameters())
    assert 2 * found.macs == counter.get_total_flops()


def measured(net: Any, x: Any) -> int:
    """The most bytes of tensors that are alive at once while torch runs `net`, each freed after its last use."""
    import torch
    from torch import fx

    class Watched(fx.Interpreter):
        most = 0

        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            alive = [*self.env.values(), result] if n.op not in ("get_attr", "output") else []
            found = {
                one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
                for one in alive
                if isinstance(one, torch.Tensor) and not isinstance(one, torch.nn.Parameter)
            }
            self.most = max(self.most, sum(found.values()))
            return result

    watched = Watched(fx.symbolic_trace(net))
    with torch.no_grad():
        watched.run(x)
    return watched.most


@each
@pytest.mark.parametrize("batch", [1, 3])
def test_activation_memory_is_what_torch_holds(name: str | Path, batch: int) -> None:
    torch = pytest.importorskip("torch")
    spec = archc.load(name)
    if batch > 1 and prod(spec.graph.types[0].shape) > 50_000:
        pytest.skip("a larger batch is tried on the smaller pictures")
    real = measured(spec.to_torch().eval(), torch.zeros(batch, *spec.graph.types[0].shape))
    ours = batch * peak_activation_bytes(spec.graph)
    if any(isinstance(node.op, LOOKS) for node in spec.graph.nodes):
        assert real <= ours <= 2 * real
    else:
        assert real == ours


def slow_peak(graph: Graph) -> int:
    """The same by its definition: for every step, every value that is made by then and still to be read."""
    nodes = [node for node in graph.nodes if node.path in graph.inference_nodes]
    root = {0: 0}
    for node in nodes:
        same = isinstance(node.op, (ops.Flatten, ops.Dropout, ops.StochasticDepth)) or node.path in in_place(graph)
        root[node.output] = root[node.inputs[0]] if same else node.output
    made = {0: -1} | {node.output: at for at, node in enumerate(nodes) if root[node.output] == node.output}
    read = {value: [at for at, node in enumerate(nodes) for one in node.inputs if root[one] == value] for value in made}
    kept = {root[output.value] for output in graph.live_outputs}
    steps = [
        sum(
            graph.types[value].size
            for value, start in made.items()
            if start <= at and (value in kept or start == at or any(use >= at for use in read[value]))
        )
        for at in range(len(nodes))
    ]
    return 4 * max(steps, default=graph.types[0].size)


@each
def test_the_peak_is_that_of_its_definition(name: str | Path) -> None:
    graph = archc.load(name).graph
    peak = peak_activations(graph)
    assert peak.bytes == slow_peak(graph) == sum(peak.alive.values())
    assert peak.at in graph.inference_nodes
