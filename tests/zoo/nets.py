"""The networks to compare: as they ship, on smaller pictures, and with narrower layers."""

from __future__ import annotations

from typing import Any

import archc
from archc.api import load_with, plain
from archc.spec.load import shipped_specs

NAMES = [name.partition("/")[2] for name in shipped_specs() if name.startswith("imagenet/")]

ONE_OF_EACH_FAMILY = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("mnasnet1_0", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50"),
    *("resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "vgg11", "vgg11_bn", "wide_resnet50_2"),
]

LARGE = 30_000_000
"""Parameters from which a network is narrowed where every stage of it is compared in the suite."""


def size(name: str) -> int:
    """Rows and columns of small pictures that a network takes; inception's head of training needs larger ones."""
    return 299 if name == "inception_v3" else 64


def small(name: str, narrowed: bool = False) -> archc.Spec:
    """A network on small pictures; `narrowed`: with less wide layers, as many as before."""
    text = f"archc: 1\nextends: imagenet/{name}\nname: {name}\ninput: {{height: {size(name)}, width: {size(name)}}}\n"
    settings = [f"{key}={value}" for key, value in narrow(name).items()] if narrowed else []
    return load_with(f"{name}.yaml", settings, text.encode())


def narrow(name: str) -> dict[str, Any]:
    """Params that make the layers of a network less wide."""
    tree = archc.load(f"imagenet/{name}").loaded.tree
    assert tree is not None
    params = {key: default(value) for key, value in plain(tree.entries["params"].value).items()}
    family = name.partition("_")[0].rstrip("0123456789")
    if family in ("vgg", "alexnet"):
        return {"hidden": 256}
    if family == "regnet":
        return {"widths": [width // 8 for width in params["widths"]], "group_width": params["group_width"] // 8}
    if "out" in params and family == "efficientnet":
        return {"out": [max(8, width // 32 * 8) for width in params["out"]]}
    if family == "efficientnet":
        return {"width": 0.5}
    return {"width": params["width"] // 4}


def default(value: Any) -> Any:
    """A param's default, whichever way it is declared."""
    return value["default"] if isinstance(value, dict) else value
