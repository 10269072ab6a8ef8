"""`train:`: the fields that a run has, as the same typed parameters that blocks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archc.spec.params import Param

FIELDS: Final[Mapping[str, Param]] = {
    param.name: param
    for param in (
        Param("batch_size", "int", min=1, doc="examples per step"),
        Param("epochs", "int", min=1, doc="passes over the data"),
        Param("seed", "int", 0, min=0, doc="of the order of examples and the weights"),
        Param("loss", "string", "cross_entropy", choices=("cross_entropy",), doc="what is minimised"),
    )
}
"""The fields of `train:` with one value."""

SECTIONS: Final[Mapping[str, Mapping[str, tuple[Param, ...]]]] = {
    "data": {
        "fashion_mnist": (Param("resize", "int", 28, min=1, doc="rows and columns that pictures are scaled to"),),
    },
    "optimizer": {
        "sgd": (
            Param("lr", "float", above=0.0, doc="learning rate"),
            Param("momentum", "float", 0.0, min=0.0, max=1.0, doc="weight of the past steps"),
            Param("weight_decay", "float", 0.0, min=0.0, doc="factor of the L2 penalty"),
        ),
    },
}
"""The sections of `train:` with a `type`, and the fields of each type."""

REQUIRED: Final = ("data", "batch_size", "epochs", "optimizer")
