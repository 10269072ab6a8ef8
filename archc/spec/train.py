"""`train:`: the fields that a run has, as the same typed parameters that blocks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archc.spec.datasets import DATA_SETS, SYNTHETIC_EXAMPLES
from archc.spec.losses import LOSSES
from archc.spec.params import REQUIRED as NO_DEFAULT
from archc.spec.params import Param

FIELDS: Final[Mapping[str, Param]] = {
    param.name: param
    for param in (
        Param("batch_size", "int", min=1, doc="examples per step"),
        Param("drop_last", "bool", False, doc="leave out the examples that fill no whole batch at the end of an epoch"),
        Param("epochs", "int", min=1, doc="passes over the data"),
        Param("seed", "int", 0, min=0, doc="of the order of examples and the weights"),
    )
}
"""The fields of `train:` with one value."""

AXES: Final = ("depth", "height", "width", "length")
CHANNELS: Final = Param("channels", "int", min=1, doc="channels of an example")
CLASSES: Final = Param("classes", "int", min=2, doc="how many classes there are")
_EXAMPLES: Final = "examples to train on"


def _picture(size: int) -> tuple[Param, ...]:
    return (Param("resize", "sizes", size, min=1, doc="rows and columns that pictures are scaled to"),)


def _size(name: str, doc: str, required: bool = True) -> Param:
    return Param(name, "int", NO_DEFAULT if required else None, min=1, doc=doc)


SECTIONS: Final[Mapping[str, Mapping[str, tuple[Param, ...]]]] = {
    "data": {
        **{name: _picture(data.height) for name, data in DATA_SETS.items()},
        "image_folder": (
            Param("path", "string", doc="the folder, from that of the spec"),
            Param("channels", "int", min=1, doc="channels that pictures are read with: 1 grey, 3 colour"),
            _size("height", "rows that every picture is scaled to"),
            _size("width", "columns that every picture is scaled to"),
            CLASSES,
            Param("examples", "int", None, min=1, doc=_EXAMPLES + ", where it is known"),
        ),
        "synthetic": (
            _size("features", "features of an example", required=False),
            _size("channels", "channels of an example", required=False),
            *(_size(name, f"its {name}", required=False) for name in AXES),
            Param("classes", "int", None, min=2, doc=CLASSES.doc),
            Param("examples", "int", SYNTHETIC_EXAMPLES, min=1, doc=_EXAMPLES),
        ),
    },
    "label": {
        "class_index": (),
        "one_hot": (),
        "float": (Param("shape", "ints", (), min=1, doc="without the batch; `[]` is one number for each example"),),
        "map": (),
    },
    "loss": dict.fromkeys(LOSSES, ()),
    "optimizer": {
        "sgd": (
            Param("lr", "float", above=0.0, doc="learning rate"),
            Param("momentum", "float", 0.0, min=0.0, max=1.0, doc="weight of the past steps"),
            Param("weight_decay", "float", 0.0, min=0.0, doc="factor of the L2 penalty"),
        ),
    },
}
"""The sections of `train:` with a `type`, and the fields of each type."""

WORDS: Final[Mapping[str, str]] = {"label": "class_index", "loss": "cross_entropy"}
"""The sections whose type may stand alone, `loss: mse`, and the type where the section is left out."""

WEIGHT: Final = Param(
    "weights", "float", 1.0, min=0.0, doc="factor of each output's loss, by its name; 0 leaves it out"
)
"""A value of `loss.weights`, a mapping by the names of outputs."""

REQUIRED: Final = ("data", "batch_size", "epochs", "optimizer")
