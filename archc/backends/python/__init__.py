"""The Python target: a readable file that defines the network in PyTorch, and does not need archc."""

from archc.backends.python.emit import to_python

__all__ = ["to_python"]
