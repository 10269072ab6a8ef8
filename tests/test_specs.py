"""The specs that ship: clean, small, and equal to the published networks name by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import prod, sqrt
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from numpy.typing import NDArray
from oracle import oracle, oracle_input, oracle_weights
from published import UNDRAWN, published

from archc.analysis.cost import costs
from archc.api import load
from archc.backends.initialise import draw
from archc.ir import ops
from archc.source import Mapping as Tree
from archc.source import Scalar
from archc.spec.load import shipped_root, shipped_specs

ROOT = shipped_root().parent
SPECS = sorted([*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])
IDS = [str(path.relative_to(ROOT)) for path in SPECS]
SHIPPED = sorted(shipped_specs())
IMAGENET = [name.partition("/")[2] for name in SHIPPED if name.startswith("imagenet/")]
VARIANTS = [path for path in SPECS if "\nextends:" in path.read_text(encoding="utf-8") and "specs" in path.parts]


def tree(path: Path) -> Tree:
    found = load(path).loaded.tree
    assert found is not None
    return found


@pytest.mark.parametrize("path", SPECS, ids=IDS)
def test_clean(path: Path) -> None:
    assert load(path).check() == []


@pytest.mark.parametrize("path", SPECS, ids=IDS)
def test_named_and_told(path: Path) -> None:
    merged = tree(path)
    name, doc = merged.get("name"), merged.get("doc")
    assert isinstance(name, Scalar)
    assert name.value == path.stem
    assert isinstance(doc, Scalar)
    assert re.search(r"\((.+ et al\.|.+ and .+), (19|20)\d\d\)", str(doc.value))


@pytest.mark.parametrize("path", SPECS, ids=IDS)
def test_rows_stay_readable(path: Path) -> None:
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 150


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_variants_are_a_few_lines_and_families_are_read_at_once() -> None:
    assert median(map(lines, VARIANTS)) < 12
    assert max(map(lines, VARIANTS)) < 20
    assert max(map(lines, SPECS)) < 150


@pytest.mark.parametrize("name", [name for name in SHIPPED if not name.startswith("families/")])
def test_shapes_are_claimed(name: str) -> None:
    spec = load(name)
    assert any("expect:" in file.text for file in spec.texts)


def test_a_claim_that_does_not_hold_is_reported(tmp_path: Path) -> None:
    variant = tmp_path / "wide.yaml"
    variant.write_text("archc: 1\nextends: mobilenet_v3_small\nname: wide\nexpect: {features.12: [577, 7, 7]}\n")
    found = load(variant).check()
    assert [(diagnostic.code, diagnostic.span.line) for diagnostic in found] == [("A0505", 4)]


def test_claims_of_plain_numbers_are_dropped_with_the_params_that_they_describe(tmp_path: Path) -> None:
    assert load("imagenet/mobilenet_v3_small", width=2.0).check() == []
    variant = tmp_path / "small.yaml"
    variant.write_text("archc: 1\nextends: resnet18\nname: small\ninput: {height: 96, width: 96}\n")
    assert load(variant).check() == []


def test_a_name_alone_finds_the_published_network() -> None:
    assert load("resnet18").graph.input.channels == 3
    assert load("fashion_mnist/resnet18").graph.input.channels == 1


# -- against torchvision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGENET)
def test_state_dict(name: str) -> None:
    published = oracle(name)
    graph = load(f"imagenet/{name}").graph
    assert {key: list(tensor.shape) for key, tensor, _ in graph.tensors()} == dict(published["state_dict"])
    assert costs(graph)[""].parameters == published["params"]


@pytest.mark.parametrize("name", IMAGENET)
def test_order_of_the_state_dict(name: str) -> None:
    published = [key for key, _ in oracle(name)["state_dict"]]
    found = [key for key, _, _ in load(f"imagenet/{name}").graph.tensors()]
    # auxiliary heads stand last: one in the middle would be the next stage's input
    published.sort(key=lambda key: key.lower().startswith("aux"))
    # a module's own parameters come before those of its children
    own = [key for key in published if key.endswith("layer_scale")]
    assert [key for key in found if key in own] == own
    assert [key for key in found if key not in own] == [key for key in published if key not in own]


def test_the_oracles_weights_and_input_are_as_its_page_says() -> None:
    weights = oracle_weights(load("resnet18").graph.tensors())
    assert list(weights) == [key for key, _ in oracle("resnet18")["state_dict"]]
    assert weights["bn1.num_batches_tracked"] == 0
    assert 0.8 <= weights["bn1.weight"].min() < weights["bn1.running_var"].max() <= 1.2
    assert weights["conv1.weight"].std() == pytest.approx(147**-0.5, rel=0.02)
    assert oracle_input([3, 2, 2])[0, 0, 0, 0] == pytest.approx(0.12573022)


Attributes = tuple[Any, ...]


def of_graph(op: ops.Op) -> Attributes | None:
    """What a torch module of an op would have; None for an op that torchvision may write without a module."""
    table: Mapping[type[ops.Op], Callable[[Any], Attributes]] = {
        ops.Conv: lambda o: (
            o.in_channels,
            o.out_channels,
            o.kernel_size,
            o.stride,
            o.padding,
            o.dilation,
            o.groups,
            o.bias,
        ),
        ops.BatchNorm: lambda o: (o.num_features, o.eps, o.momentum, o.affine),
        ops.Linear: lambda o: (o.in_features, o.out_features, o.bias),
        ops.Dropout: lambda o: (o.p,),
        ops.StochasticDepth: lambda o: (o.p, o.mode),
        ops.MaxPool: lambda o: (o.kernel_size, o.stride, o.padding, o.dilation, _ceils(o.stride, o.ceil_mode)),
        ops.AvgPool: lambda o: (o.kernel_size, o.stride, o.padding, o.ceil_mode, o.count_include_pad),
        ops.AdaptiveAvgPool: lambda o: (o.output_size,),
        ops.Activation: lambda o: (o.function, *o.constants.values()),
        ops.LayerNorm: lambda o: (o.num_features, o.eps, o.elementwise_affine, o.bias),
    }
    return (type(op).__name__, *table[type(op)](op)) if type(op) in table else None


def of_torch(module: Any) -> Attributes | None:
    """The same of a torch module."""
    table: Mapping[str, tuple[str, Callable[[Any], Attributes]]] = {
        "Conv2d": (
            "Conv",
            lambda m: (
                *(m.in_channels, m.out_channels, m.kernel_size, m.stride, m.padding, m.dilation, m.groups),
                m.bias is not None,
            ),
        ),
        "BatchNorm2d": ("BatchNorm", lambda m: (m.num_features, m.eps, m.momentum, m.affine)),
        "Linear": ("Linear", lambda m: (m.in_features, m.out_features, m.bias is not None)),
        "Dropout": ("Dropout", lambda m: (m.p,)),
        "StochasticDepth": ("StochasticDepth", lambda m: (m.p, m.mode)),
        "MaxPool2d": (
            "MaxPool",
            lambda m: (
                *(_pair(m.kernel_size), _pair(m.stride), _pair(m.padding), _pair(m.dilation)),
                _ceils(_pair(m.stride), m.ceil_mode),
            ),
        ),
        "AvgPool2d": (
            "AvgPool",
            lambda m: (_pair(m.kernel_size), _pair(m.stride), _pair(m.padding), m.ceil_mode, m.count_include_pad),
        ),
        **{
            kind: ("LayerNorm", lambda m: (*m.normalized_shape, m.eps, m.elementwise_affine, m.bias is not None))
            for kind in ("LayerNorm", "LayerNorm2d")
        },
        "GELU": ("Activation", lambda m: ("gelu", m.approximate)),
        "AdaptiveAvgPool2d": ("AdaptiveAvgPool", lambda m: (_pair(m.output_size),)),
        **{
            kind: ("Activation", lambda m: (type(m).__name__.lower(),))
            for kind in ("ReLU", "ReLU6", "SiLU", "Hardswish", "Hardsigmoid", "Sigmoid")
        },
    }
    if type(module).__name__ not in table:
        return None
    kind, attributes = table[type(module).__name__]
    return (kind, *attributes(module))


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _ceils(stride: tuple[int, ...], ceil_mode: bool) -> bool:
    """With a stride of 1 there is nothing to round."""
    return ceil_mode and max(stride) > 1


@pytest.mark.parametrize("name", IMAGENET)
def test_every_module_is_as_published(name: str) -> None:
    theirs = {path: of_torch(module) for path, module in published(name).named_modules()}
    theirs = {path: attributes for path, attributes in theirs.items() if attributes is not None}
    nodes = load(f"imagenet/{name}").graph.nodes
    ours = {node.path: of_graph(node.op) for node in nodes}
    idle = {  # no probability, or no shortcut beside it: nothing is dropped
        path
        for path, attributes in theirs.items()
        if attributes[0] == "StochasticDepth" and (attributes[1] == 0 or f"{path.rpartition('.')[0]}.add" not in ours)
    }
    assert {path: ours.get(path) for path in theirs if path not in idle} == {
        path: attributes for path, attributes in theirs.items() if path not in idle
    }
    # a learned scale is a bare parameter in torchvision
    learned = {node.path for node in nodes if node.op.tensors() and not isinstance(node.op, ops.Scale)}
    assert learned <= set(theirs)
    quiet = {node.path for node in nodes if isinstance(node.op, (ops.Dropout, ops.StochasticDepth))}
    assert quiet <= set(theirs)


DRAWN = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("mnasnet1_0", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "resnet50"),
    *("shufflenet_v2_x1_0", "squeezenet1_1", "vgg16_bn"),
]
"""One network of each family."""


@pytest.mark.parametrize("name", DRAWN)
def test_initial_weights_are_distributed_as_published(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torchvision's modules are torch's")
    models = pytest.importorskip("torchvision.models", reason="the published networks are compared live")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = models.get_model(name, **({"init_weights": True} if name in UNDRAWN else {})).state_dict()
    off = []
    for key, tensor, init in load(f"imagenet/{name}").graph.tensors():
        if tensor.trainable and prod(tensor.shape) < 5_000_000:  # the largest cost seconds and show nothing new
            published = theirs[key].numpy()
            drawn = draw(init, tensor.shape, 0, key)
            noise = 6 / sqrt(drawn.size)
            if abs(drawn.std() - published.std()) > noise * published.std():
                off.append((key, init, drawn.std(), published.std()))
            elif abs(drawn.mean() - published.mean()) > noise * published.std() + 1e-8:
                off.append((key, init, drawn.mean(), published.mean()))
            elif drawn.size > 1000 and not 0.6 < _reach(drawn) / _reach(published) < 1.6:
                off.append((key, init, _reach(drawn), _reach(published)))
    assert off == []


def _reach(values: NDArray[Any]) -> float:
    """How far the values go, in standard deviations: 1.7 where uniform, 3 and more where normal; 1 for a constant."""
    spread = float(values.std())
    return float(abs(values - values.mean()).max()) / spread if spread else 1.0


@pytest.mark.parametrize("name", ["resnet34", "resnet152"])
def test_zero_init_residual(name: str) -> None:
    spec = load(f"imagenet/{name}", zero_init_residual=True)
    last = "bn2" if name == "resnet34" else "bn3"
    zeroed = {key for key, _, init in spec.graph.tensors() if init.type == "zeros" and key.endswith("weight")}
    assert zeroed == {key for key, _ in oracle(name)["state_dict"] if key.endswith(f"{last}.weight")}


# -- the params of families -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "params", "name"),
    [
        ("resnet_bottleneck", {"depths": [3, 4, 6, 3], "width": 128, "groups": 32, "expansion": 2}, "resnext50_32x4d"),
        (
            "resnet_bottleneck",
            {"depths": [3, 4, 23, 3], "width": 256, "groups": 32, "expansion": 1},
            "resnext101_32x8d",
        ),
        (
            "resnet_bottleneck",
            {"depths": [3, 4, 23, 3], "width": 256, "groups": 64, "expansion": 1},
            "resnext101_64x4d",
        ),
        ("resnet_bottleneck", {"depths": [3, 4, 23, 3], "width": 128, "expansion": 2}, "wide_resnet101_2"),
        ("densenet", {"depths": [6, 12, 36, 24], "growth": 48, "stem": 96}, "densenet161"),
        ("densenet", {"depths": [6, 12, 48, 32]}, "densenet201"),
        ("vgg", {"depths": [1, 1, 2, 2, 2]}, "vgg11"),
        ("vgg", {"depths": [2, 2, 4, 4, 4], "norm": "batch_norm"}, "vgg19_bn"),
        ("efficientnet", {"width": 1.0, "depth": 1.1}, "efficientnet_b1"),
        ("efficientnet", {"width": 2.0, "depth": 3.1, "dropout": 0.5}, "efficientnet_b7"),
        ("shufflenet_v2", {"widths": [48, 96, 192]}, "shufflenet_v2_x0_5"),
        ("shufflenet_v2", {"widths": [244, 488, 976], "last": 2048}, "shufflenet_v2_x2_0"),
        (
            "mobilenet_v3",
            {
                "kernel": [3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5],
                "middle": [16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960],
                "out": [16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160],
                "excite": [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1],
                "stride": [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1],
                "relu": 6,
                "last": 1280,
            },
            "mobilenet_v3_large",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_params_of_a_family_reach_its_other_variants(family: str, params: dict[str, Any], name: str) -> None:
    graph = load(f"families/{family}", **params).graph
    assert {key: list(tensor.shape) for key, tensor, _ in graph.tensors()} == dict(oracle(name)["state_dict"])
