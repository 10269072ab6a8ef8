"""The version, which every target says of itself."""

__version__ = "0.1.0"
