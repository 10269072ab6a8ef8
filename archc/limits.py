"""Every limit on what a spec from a stranger can cost, each with the words of the table in docs/language.md."""

from __future__ import annotations

from typing import Final

# -- the file -----------------------------------------------------------------------------------------------------------

MAX_BYTES: Final = 256 * 1024
"""bytes of a file, and of a spec with all that it extends"""
MAX_YAML_NODES: Final = 50_000
"""nodes of its YAML, an alias counting as what it names"""
MAX_YAML_LEVELS: Final = 32
"""levels of its YAML"""
MAX_ALIASES: Final = 100
"""aliases"""
MAX_SCALAR: Final = 4096
"""characters of a scalar"""
MAX_YAML_INT: Final = 2**63 - 1
"""absolute value of an integer, wherever it stands"""
MAX_EXTENDS: Final = 8
"""specs in a chain of `extends`"""

# -- values -------------------------------------------------------------------------------------------------------------

MAX_INT: Final = 2**31 - 1
"""absolute value of an integer in a field"""
MAX_PARTS: Final = 64
"""parts of an expression"""
MAX_EXPRESSION_LEVELS: Final = 24
"""levels of an expression"""
MAX_NUMBER: Final = 2**53
"""absolute value of a number in an expression"""
MAX_TEXT: Final = 4096
"""characters of a text made by an expression"""
MAX_ELEMENTS: Final = 1000
"""elements of a list"""
MAX_LEVELS: Final = 8
"""levels of a list"""
MAX_KEY_ALIASES: Final = 64
"""entries of `aliases`"""
MAX_SIZE: Final = 2**20
"""sizes of the input along an axis"""

# -- the network --------------------------------------------------------------------------------------------------------

MAX_REPEAT: Final = 10_000
"""copies of a repeat"""
MAX_USES: Final = 32
"""blocks within blocks"""
MAX_LISTS: Final = 64
"""lists of stages within each other"""
MAX_OPS: Final = 20_000
"""ops of a network"""
MAX_STAGES: Final = 50_000
"""stages of a network, groups, copies and those that `when` removes counted"""
MAX_WORK: Final = 2_000_000
"""parts of all expressions, times their uses and the elements of their lists"""
MAX_PARAMETERS: Final = 10**11
"""parameters of a network"""
MAX_VALUE: Final = 10**11
"""elements of one value that flows between two ops"""

# -- the report ---------------------------------------------------------------------------------------------------------

MAX_FINDINGS: Final = 256
"""findings of a spec, after which checking stops"""
MAX_SHOWN: Final = 100
"""findings of a spec that are listed, the others being counted"""
MAX_MESSAGE: Final = 500
"""characters of each text in a finding"""
