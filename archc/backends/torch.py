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

from archc.backends.python import to_python
from archc.backends.python.allowed import SourceError, check_source
from archc.ir import Graph

__all__ = ["SourceError", "check_source", "to_torch"]


def to_torch(graph: Graph, state: Mapping[str, np.ndarray[Any, Any]] | None = None) -> nn.Module:
    """The network as a module. With `state` (every tensor by its state_dict key) nothing else initialises it."""
    network = _network_class(_load(to_python(graph)))
    if state is None:
        made: nn.Module = network()
        return made
    with torch.device("meta"):
        net: nn.Module = network()
    dtypes = {key: tensor.dtype for key, tensor in net.state_dict().items()}
    tensors = {key: torch.from_numpy(np.array(value)).to(dtypes.get(key)) for key, value in state.items()}
    net.load_state_dict(tensors, assign=True)
    return net


def _load(source: str) -> ModuleType:
    """The module that `source` defines; the same source gives the same module."""
    tree = check_source(source)
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    last = tree.body[-1]
    name = f"archc_generated_{last.name if isinstance(last, ast.ClassDef) else 'network'}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name, ast.get_docstring(tree))
    module.__file__ = f"<{name}>"
    module.__dict__["__source__"] = source
    # No modification time: linecache then keeps the text, so that tracebacks and inspect show it.
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    sys.modules[name] = module
    code = compile(tree, module.__file__, "exec", dont_inherit=True)
    try:
        exec(code, module.__dict__)  # noqa: S102  (our own text, whose every node check_source has just allowed)
    except BaseException:
        del sys.modules[name]
        raise
    for value in list(module.__dict__.values()):
        if isinstance(value, type) and value.__module__ == name:
            value.__reduce_ex__ = _reduce_tuple if issubclass(value, tuple) else _reduce_module  # type: ignore[assignment]
    return module


def _network_class(module: ModuleType) -> Any:
    """The class of the network: the last that the module defines."""
    return [
        value for value in module.__dict__.values() if isinstance(value, type) and value.__module__ == module.__name__
    ][-1]


def _reduce_module(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
    """Pickle by source, so that a process that never saw it can rebuild the module or any part of it."""
    kind = type(self)
    return _rebuild, (sys.modules[kind.__module__].__dict__["__source__"], kind.__name__), self.__dict__


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
