"""What these tests know of the language: fields, kinds and what each kind refuses. Written by hand, not taken from archc."""

from __future__ import annotations

from .document import Document, Field, Mapping

KINDS = {
    "int": "alpha c1 channels cheap_kernel_size chunks expanded groups growth index n num_groups out_channels "
    "out_features pool size squeeze upscale_factor width",
    "sizes": "dilation kernel_size output_padding output_size padding scale_factor stride",
    "bool": "affine bias ceil_mode channelwise count_include_pad elementwise_affine per_channel zero_init_residual",
    "float": "drop eps expand init_value momentum negative_slope p",
    "ints": "c3 c5",
    "block": "act gate norm shortcut_norm",
    "choice": "mode shortcut",
}
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names.split()} | {"alpha": "float"}

BUILT_IN: dict[str, str] = {
    "conv": "out_channels! kernel_size! stride padding dilation groups bias",
    "conv_transpose": "out_channels! kernel_size! stride padding output_padding dilation groups bias",
    "linear": "out_features! bias",
    "batch_norm": "eps momentum affine",
    "group_norm": "num_groups! eps affine",
    "layer_norm": "eps elementwise_affine bias",
    "max_pool": "kernel_size! stride padding dilation ceil_mode",
    "avg_pool": "kernel_size! stride padding ceil_mode count_include_pad",
    "adaptive_avg_pool": "output_size!",
    "global_avg_pool": "",
    "global_max_pool": "",
    "relu": "",
    "gelu": "approximate",
    "sigmoid": "",
    "silu": "",
    "hardswish": "",
    "leaky_relu": "negative_slope",
    "elu": "alpha",
    "add": "",
    "multiply": "",
    "concat": "",
    "chunk": "chunks! index!",
    "flatten": "",
    "upsample": "scale_factor! mode",
    "channel_shuffle": "groups!",
    "dropout": "p channelwise",
    "stochastic_depth": "p! mode",
    "scale": "init_value",
    "conv_norm_act": "out_channels! kernel_size stride dilation padding groups norm act bias",
    "residual": "out_channels! stride shortcut shortcut_norm bias zero_init_residual act project",
    "bottleneck": "width! expansion stride dilation groups out_channels shortcut zero_init_residual act project",
    "inception": "c1! c3! c5! pool! kernel5 norm act",
    "nin": "out_channels! kernel_size! stride padding act",
    "vgg": "out_channels! n norm act",
    "dense": "growth! bottleneck act",
    "transition": "out_channels act",
    "squeeze_excite": "channels! act gate width",
    "inverted_residual": "out_channels! kernel_size stride expand expanded squeeze act drop skip",
}
"""Type -> its fields; `!` behind those that must be given."""
REQUIRED = {type_: [f[:-1] for f in fields.split() if f.endswith("!")] for type_, fields in BUILT_IN.items()}
FIELDS = {type_: [f.rstrip("!") for f in fields.split()] for type_, fields in BUILT_IN.items()}
MERGES = ("add", "multiply", "concat")
STAGE = ("name", "type", "stages", "repeat", "from", "when", "inline", "names", "expect", "init", "doc")
SPEC = [
    "archc",
    "name",
    "doc",
    "input",
    "params",
    "blocks",
    "defaults",
    "stages",
    "outputs",
    "expect",
    "budget",
    "aliases",
    "init",
    "train",
    "extends",
    "upto",
]
SECTIONS = {
    "input": ["channels", "features", "length", "depth", "height", "width"],
    "axis": ["min", "max", "multiple_of", "default"],
    "param": ["type", "default", "min", "max", "choices", "doc"],
    "block": ["params", "inputs", "stages", "doc"],
    "output": ["from", "only"],
    "train": ["data", "batch_size", "epochs", "optimizer", "seed", "loss"],
    "budget": ["parameters", "macs", "file_size", "activation_memory"],
    "inits": ["weight", "bias"],
    "distribution": ["type", "mode", "nonlinearity", "a", "gain", "std", "mean", "bound", "value", "low", "high"],
}
WORDS = {*SPEC, *STAGE, *KIND_OF, *BUILT_IN, *(word for words in SECTIONS.values() for word in words)}
WORDS |= {word for words in FIELDS.values() for word in words} | {"input", "none", "training", "in_channels"}
"""Words that mean something somewhere: a misspelling is never one of them."""

WRONG_KIND = {
    "int": ("many", "[4, x]", "{a: 1}", "true", '"8"', "2.5", "null", "8 channels"),
    "sizes": ("wide", "{h: 3}", "true", '"3"', "1.5", "[1, 2, 3, 4, 5]", "[3, a]", "3x3"),
    "bool": ("yes", "no", "off", '"true"', "1", "0", "[true]", "null", "True or False"),
    "float": ("half", '"0.5"', "true", "[0.1, 0.2]", "50%", "{value: 1}", "null"),
    "ints": ("6", "six", "[a, b]", "[1.5, 2]", "true", "{a: 1}"),
    "block": ("3", "true", "[relu]", "0.5"),
    "choice": ("3", "true", "[auto]", "null"),
}
"""Kind -> values that it never takes."""

OUT_OF_RANGE = {
    "int": ("-4", "3000000000", "99999999999999999999"),
    "sizes": ("-2", "[-1, 3]", "2147483648"),
    "float": ("1e999", ".nan", "-.inf"),
}
POSITIVE = {
    "out_channels",
    "out_features",
    "groups",
    "num_groups",
    "chunks",
    "channels",
    "growth",
    "width",
    "c1",
    "pool",
}
POSITIVE |= {"kernel_size", "stride", "dilation", "output_size", "scale_factor", "upscale_factor", "n"}
PROBABILITIES = {"p", "momentum", "drop"}


def out_of_range(name: str) -> tuple[str, ...]:
    """Values of the right kind that a field refuses."""
    found = OUT_OF_RANGE.get(KIND_OF.get(name, ""), ())
    if name in ("index", "padding"):
        return ("-1", *found)
    if name in POSITIVE:
        return ("0", *found)
    if name in PROBABILITIES:
        return ("1.5", "-0.1", *found)
    return ("0", "-1e-5", *found) if name == "eps" else found


def kind(one: Field, doc: Document) -> str:
    """The kind of a stage's or passed block's field; "" where these tests do not know."""
    if one.owner.role == "stage" and one.name not in STAGE:
        if one.owner.label in BUILT_IN:
            return KIND_OF.get(one.name, "")
        declared = declaration(doc, one.owner.label, one.name)
        word = declared.text("type") if declared else ""
        return word if word in WRONG_KIND else ""
    return ""


def declaration(doc: Document, block: str, name: str) -> Mapping | None:
    """The declaration of a parameter of a block of the spec's own."""
    return next((m for m in doc.mappings if m.role == "param" and m.scope == block and m.label == name), None)


def required(stage: Mapping, doc: Document) -> list[str]:
    """The fields of a stage that must be given, and that nothing else gives."""
    type_ = stage.label
    common = next((m for m in doc.mappings if m.role == "default" and m.label == type_), None)
    if type_ in BUILT_IN:
        needed = REQUIRED[type_]
    else:
        block = next((m for m in doc.mappings if m.role == "params" and m.scope == type_ and type_), None)
        declared = [f for f in (block.fields if block else ()) if declaration(doc, type_, f) is not None]
        needed = [f for f in declared if "default" not in declaration(doc, type_, f).fields]  # type: ignore[union-attr]
    return [name for name in needed if name in stage.fields and (common is None or name not in common.fields)]
