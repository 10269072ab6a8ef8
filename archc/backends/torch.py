"""The torch target: the module that the generated source defines, executed after it was checked."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from archc.backends.python import to_python
from archc.backends.python.allowed import SourceError, check_source
from archc.ir import Graph

__all__ = ["SourceError", "check_source", "to_torch"]


def to_torch(graph: Graph, state: Mapping[str, np.ndarray[Any, Any]] | None = None) -> nn.Module:
    """The network as a module. With `state` (every tensor by its state_dict key) nothing else initialises it."""
    network = _classes(_load(to_python(graph)))[-1]
    if state is None:
        made: nn.Module = network()
        return made
    with torch.device("meta"), _Undrawn():
        net: nn.Module = network()
    dtypes = {key: tensor.dtype for key, tensor in net.state_dict().items()}
    tensors = {key: torch.from_numpy(np.array(value)).to(dtypes.get(key)) for key, value in state.items()}
    net.load_state_dict(tensors, assign=True)
    return net


class _Undrawn(TorchFunctionMode):
    """Draws no random numbers: what is about to be replaced need not be initialised."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


def _load(source: str) -> ModuleType:
    """The module that `source` defines; the same source gives the same module."""
    tree = check_source(source)
    last = tree.body[-1]
    word = last.name if isinstance(last, ast.ClassDef) else "network"
    name = f"archc_generated_{word}_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    known = sys.modules.get(name)
    if known is not None:
        if known.__dict__.get("__source__") != source:
            raise SourceError(f"{name} is taken by another source")
        return known
    module = ModuleType(name, ast.get_docstring(tree))
    module.__file__ = f"<{name}>"
    module.__dict__["__source__"] = source
    # No modification time: linecache then keeps the text, so that tracebacks and inspect show it.
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    code = compile(tree, module.__file__, "exec", dont_inherit=True)
    exec(code, module.__dict__)  # noqa: S102  (our own text, whose every node check_source has just allowed)
    for kind in _classes(module):
        reduce = _reduce_tuple if issubclass(kind, tuple) else _reduce_module
        kind.__reduce_ex__ = reduce  # type: ignore[method-assign,assignment]
    return sys.modules.setdefault(name, module)


def _classes(module: ModuleType) -> list[type]:
    """The classes that `module` defines, in order; the network's is the last."""
    return [kind for kind in module.__dict__.values() if isinstance(kind, type) and kind.__module__ == module.__name__]


def _reduce_module(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
    """Pickle by source, so that a process that never saw it can rebuild the module or any part of it."""
    kind = type(self)
    state: dict[str, Any] = self.__getstate__()  # type: ignore[no-untyped-call]
    return _rebuild, (sys.modules[kind.__module__].__dict__["__source__"], kind.__name__), state


def _reduce_tuple(self: tuple[Any, ...], protocol: Any) -> tuple[Any, ...]:
    kind = type(self)
    return _rebuild_tuple, (sys.modules[kind.__module__].__dict__["__source__"], kind.__name__, tuple(self))


def _defined(source: str, name: str, base: type) -> Any:
    module = _load(source)
    kind = module.__dict__.get(name)
    if not isinstance(kind, type) or kind.__module__ != module.__name__ or not issubclass(kind, base):
        raise SourceError(f"the source defines no {name}")
    return kind


def _rebuild(source: str, name: str) -> nn.Module:
    """An empty module of class `name`, whose state pickle then sets."""
    kind = _defined(source, name, nn.Module)
    module: nn.Module = kind.__new__(kind)
    return module


def _rebuild_tuple(source: str, name: str, values: tuple[Any, ...]) -> Any:
    """A named tuple of outputs."""
    return _defined(source, name, tuple)(*values)
