"""The words of the language: primitives, and the definitions that ship."""
