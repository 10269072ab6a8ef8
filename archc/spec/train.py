"""`train:`: the fields that a run has, as the same typed parameters that blocks have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archc.spec.datasets import DATA_SETS, SYNTHETIC_EXAMPLES
from archc.spec.losses import LOSSES
from archc.spec.params import REQUIRED as NO_DEFAULT
from archc.spec.params import Param

MOST_EMA: Final = 0.999999
MOST_PADDING: Final = 1_024
MOST_INDEX: Final = 65_535

FIELDS: Final[Mapping[str, Param]] = {
    param.name: param
    for param in (
        Param("batch_size", "int", min=1, doc="examples per batch, of all processes together"),
        Param("drop_last", "bool", False, doc="leave out the examples that fill no whole batch at the end of an epoch"),
        Param("accumulate", "int", 1, min=1, doc="batches whose gradients make one step"),
        Param("epochs", "int", min=1, doc="passes over the data"),
        Param("max_steps", "int", None, min=1, doc="steps after which it ends, whatever `epochs` says"),
        Param("patience", "int", None, min=1, doc="epochs without a better result after which it ends"),
        Param("seed", "int", 0, min=0, doc="of the order of examples, their changes, dropout and the weights"),
        Param("clip_norm", "float", None, above=0.0, doc="norm that the gradient of all weights is scaled down to"),
        Param(
            "ema",
            "float",
            None,
            min=0.0,
            max=MOST_EMA,
            doc="decay of an average of the weights, which is then what is tested and kept",
        ),
        Param(
            "precision",
            "string",
            "float32",
            choices=("float32", "bfloat16", "float16"),
            doc="what convolutions and products are computed in",
        ),
        Param("channels_last", "bool", False, doc="keep the channels of a place together in memory"),
        Param("compile", "bool", False, doc="run the network through `torch.compile`"),
        Param(
            "strategy",
            "string",
            "ddp",
            choices=("ddp", "fsdp"),
            doc="whether each of several processes has the whole network, or a part of every tensor",
        ),
        Param("sync_batch_norm", "bool", False, doc="normalise by the batches of all processes; on GPUs"),
        Param(
            "save_every", "int", None, min=1, doc="steps between checkpoints within an epoch, beside those at its end"
        ),
    )
}
"""The fields of `train:` with one value."""

AXES: Final = ("depth", "height", "width", "length")
CHANNELS: Final = Param("channels", "int", min=1, doc="channels of an example")
CLASSES: Final = Param("classes", "int", min=2, doc="how many classes there are")
_EXAMPLES: Final = "examples to train on"


CHANGES: Final = (
    Param("normalize", "bool", False, doc="subtract the mean of the data set and divide by its deviation"),
    Param("mean", "floats", None, doc="subtracted from values of 0 to 1, one for each channel or for all"),
    Param("std", "floats", None, above=0.0, doc="what they are divided by then"),
    Param(
        "horizontal_flip",
        "float",
        0.0,
        min=0.0,
        max=1.0,
        doc="how often a picture to train on is mirrored, left to right",
    ),
    Param("vertical_flip", "float", 0.0, min=0.0, max=1.0, doc="how often it is mirrored, top to bottom"),
    Param(
        "crop_padding",
        "int",
        0,
        min=0,
        max=MOST_PADDING,
        doc="zeros put around a picture to train on, of which a piece as large as it is cut at random",
    ),
)
"""What is done to pictures between the file and the network."""


def _picture(size: int) -> tuple[Param, ...]:
    return (
        Param("path", "string", None, doc="the folder of its files, from that of the spec; looked for otherwise"),
        Param("resize", "sizes", size, min=1, doc="rows and columns that pictures are scaled to"),
        *CHANGES,
    )


LR: Final = Param("lr", "float", above=0.0, doc="learning rate")
BETAS: Final = Param(
    "betas", "floats", (0.9, 0.999), min=0.0, max=MOST_EMA, doc="weights of the past gradients and squares"
)
EPS: Final = Param("eps", "float", 1e-8, min=0.0, doc="added where it divides")
GAMMA: Final = Param("gamma", "float", 0.1, above=0.0, doc="what the rate is multiplied by")
WARMUP: Final = Param("warmup", "float", 0.0, min=0.0, doc="epochs, or parts of one, in which the rate rises from 0")


def _decay(default: float) -> tuple[Param, ...]:
    return (
        Param(
            "weight_decay", "float", default, min=0.0, doc="factor of the L2 penalty; in `adamw`, of what is taken off"
        ),
        Param("decay_norms_and_biases", "bool", True, doc="whether that also holds for tensors of one axis"),
    )


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
            Param("workers", "int", None, min=0, doc="processes that read pictures; one for each core by default"),
            *CHANGES,
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
        "map": (
            Param("ignore_index", "int", None, min=0, max=MOST_INDEX, doc="the number of positions that are left out"),
        ),
    },
    "loss": {
        **dict.fromkeys(LOSSES, ()),
        "cross_entropy": (
            Param("label_smoothing", "float", 0.0, min=0.0, max=1.0, doc="share of the label spread over all classes"),
        ),
    },
    "optimizer": {
        "sgd": (
            LR,
            Param("momentum", "float", 0.0, min=0.0, max=1.0, doc="weight of the past steps"),
            Param("nesterov", "bool", False, doc="look ahead by the momentum"),
            *_decay(0.0),
        ),
        "adam": (LR, BETAS, EPS, *_decay(0.0)),
        "adamw": (LR, BETAS, EPS, *_decay(0.01)),
        "rmsprop": (
            LR,
            Param("alpha", "float", 0.99, min=0.0, max=1.0, doc="weight of the past squares"),
            EPS,
            Param("momentum", "float", 0.0, min=0.0, max=1.0, doc="weight of the past steps"),
            *_decay(0.0),
        ),
    },
    "schedule": {
        "constant": (WARMUP,),
        "step": (
            Param("step_size", "int", min=1, doc="epochs between two drops of the rate"),
            GAMMA,
            WARMUP,
        ),
        "multi_step": (Param("milestones", "ints", min=1, doc="epochs after which the rate drops"), GAMMA, WARMUP),
        "cosine": (Param("min_lr", "float", 0.0, min=0.0, doc="rate at the end"), WARMUP),
        "one_cycle": (
            Param(
                "warmup_share", "float", 0.3, min=0.0, max=1.0, doc="share of the steps in which the rate rises to `lr`"
            ),
            Param("start_factor", "float", 0.04, above=0.0, max=1.0, doc="the first rate, as a part of `lr`"),
            Param("end_factor", "float", 4e-6, min=0.0, max=1.0, doc="the last rate, as a part of `lr`"),
        ),
    },
}
"""The sections of `train:` with a `type`, and the fields of each type."""

WORDS: Final[Mapping[str, str]] = {"label": "class_index", "loss": "cross_entropy", "schedule": "constant"}
"""The sections whose type may stand alone, `loss: mse`, and the type where the section is left out."""

WEIGHT: Final = Param(
    "weights", "float", 1.0, min=0.0, doc="factor of each output's loss, by its name; 0 leaves it out"
)
"""A value of `loss.weights`, a mapping by the names of outputs."""

REQUIRED: Final = ("data", "batch_size", "epochs", "optimizer")
