"""What generated source may contain: node types, imports and calls, checked before any of it runs."""

from __future__ import annotations

import ast
from typing import Final

from archc.backends.python.names import IMPORTED, words
from archc.backends.python.written import ACTIVATIONS

NODES: Final = words(
    """
    Module Expr Import ImportFrom alias ClassDef FunctionDef arguments arg Return Assign AnnAssign If For Call keyword Starred
    Attribute Name Constant Tuple List ListComp comprehension BinOp UnaryOp BoolOp Compare IfExp Subscript
    Load Store Add Sub Mult Div FloorDiv Pow USub Not Or BitOr Eq GtE IsNot
    """
)
IMPORTS: Final = frozenset(
    {
        "import torch",
        "import torch.nn.functional as F",
        "from torch import nn",
        "from torch import Tensor, nn",
        "from collections import OrderedDict",
        "from typing import NamedTuple",
    }
)
BY_RANK: Final = words(
    "Conv ConvTranspose BatchNorm MaxPool AvgPool AdaptiveAvgPool AdaptiveMaxPool Dropout ZeroPad ConstantPad "
    "ReflectionPad ReplicationPad"
)
NN: Final = frozenset(
    {
        *(f"{name}{rank}d" for name in BY_RANK for rank in (1, 2, 3)),
        *ACTIVATIONS.values(),
        *words("Module Sequential Parameter Linear LayerNorm GroupNorm RMSNorm LocalResponseNorm PReLU Softmax"),
        *words("LogSoftmax Dropout Flatten Upsample ChannelShuffle PixelShuffle init"),
    }
)
DRAWS: Final = words(
    "zeros_ ones_ constant_ uniform_ normal_ trunc_normal_ xavier_uniform_ xavier_normal_ kaiming_uniform_ "
    "kaiming_normal_"
)
ATTRIBUTES: Final = {
    "nn": NN,
    "nn.init": DRAWS,
    "torch": frozenset({"cat", "full", "ones", "rand", "zeros_like"}),
    "F": frozenset({"layer_norm", "rms_norm"}),
}
"""What may be taken from each of the imported modules."""

BASES: Final = frozenset({"nn.Module", "nn.Sequential", "nn.LayerNorm", "nn.RMSNorm", "NamedTuple"})
FUNCTIONS: Final = frozenset({"super", "getattr", "isinstance", "range", "str", "float", "OrderedDict"})
METHODS: Final = frozenset({"chunk", "permute", "movedim", "new_tensor", "reshape", "dim", "__init__"})
DEFINED: Final = frozenset({"__init__", "__getitem__", "forward", "reset_parameters", "init_parameters"})


class SourceError(Exception):
    """Source that is not what archc writes; it was not executed."""


def check_source(source: str) -> ast.Module:
    """The parsed source. Raises SourceError for anything that is not on the lists above."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise SourceError(f"the source does not parse: {error}") from None
    for statement in tree.body:
        if not isinstance(statement, ast.Import | ast.ImportFrom | ast.ClassDef | ast.Expr):
            raise _refused(statement, "statement")
        if isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant):
            raise _refused(statement, "statement")
    classes = {statement.name for statement in tree.body if isinstance(statement, ast.ClassDef)}
    for node in ast.walk(tree):
        _check(node, classes)
    return tree


def _refused(node: ast.AST, what: str) -> SourceError:
    line = getattr(node, "lineno", None)
    place = f"line {line}: " if line else ""
    return SourceError(f"{place}{what} not allowed: {ast.unparse(node)[:80]!r}")


def _check(node: ast.AST, classes: set[str]) -> None:
    if type(node).__name__ not in NODES:
        raise _refused(node, type(node).__name__)
    match node:
        case ast.Import() | ast.ImportFrom():
            if ast.unparse(node) not in IMPORTS:
                raise _refused(node, "import")
        case ast.ClassDef():
            _check_class(node)
        case ast.FunctionDef():
            if node.decorator_list or node.name not in DEFINED:
                raise _refused(node, "function")
        case ast.Name():
            stored = isinstance(node.ctx, ast.Store)
            if node.id.startswith("__") or (stored and node.id in IMPORTED | classes | FUNCTIONS):
                raise _refused(node, "name")
        case ast.arg():
            if node.arg.startswith("__") or node.arg in (IMPORTED - {"self"}) | classes | FUNCTIONS:
                raise _refused(node, "parameter")
        case ast.Attribute():
            _check_attribute(node)
        case ast.Call():
            _check_call(node, classes)


def _check_class(node: ast.ClassDef) -> None:
    bases = [ast.unparse(base) for base in node.bases]
    if node.decorator_list or node.keywords or len(bases) != 1 or bases[0] not in BASES:
        raise _refused(node, "class")
    if node.name in IMPORTED | FUNCTIONS or node.name.startswith("_"):
        raise _refused(node, "class name")
    for statement in node.body:
        documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not documents and not isinstance(statement, ast.FunctionDef | ast.AnnAssign):
            raise _refused(statement, "statement")


def _check_attribute(node: ast.Attribute) -> None:
    owner = ast.unparse(node.value)
    if owner in ATTRIBUTES:
        if node.attr not in ATTRIBUTES[owner] or not isinstance(node.ctx, ast.Load):
            raise _refused(node, "attribute")
    elif node.attr.startswith("__"):
        if not (owner == "super()" and node.attr == "__init__"):
            raise _refused(node, "attribute")
    elif isinstance(node.ctx, ast.Store) and owner != "self":
        raise _refused(node, "assignment")


def _check_call(node: ast.Call, classes: set[str]) -> None:
    """A call is of a class or function on the lists, or of a part of `self`, or of a tensor's listed method."""
    function = node.func
    if isinstance(function, ast.Name):
        if function.id not in FUNCTIONS | classes:
            raise _refused(node, "call")
        if function.id == "getattr" and not _names_a_child(node):
            raise _refused(node, "getattr")
    elif isinstance(function, ast.Attribute):
        owner = ast.unparse(function.value)
        if owner not in ATTRIBUTES and not _is_part(function) and function.attr not in METHODS:
            raise _refused(node, "call")
    elif isinstance(function, ast.Call):
        if not _is_getattr(function):
            raise _refused(node, "call")
    elif not (isinstance(function, ast.Subscript) and _is_part(function)):
        raise _refused(node, "call")


def _is_part(node: ast.AST) -> bool:
    """Whether `node` is a way from `self`: attributes, indices and getattr with a constant name."""
    while True:
        match node:
            case ast.Name():
                return node.id == "self"
            case ast.Attribute() | ast.Subscript():
                node = node.value
            case ast.Call() if _is_getattr(node):
                node = node.args[0]
            case _:
                return False


def _is_getattr(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == "getattr"


def _names_a_child(node: ast.Call) -> bool:
    if len(node.args) != 2 or node.keywords or not _is_part(node.args[0]):
        return False
    name = node.args[1]
    return isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("__")
