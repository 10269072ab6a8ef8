"""Planted faults: deliberate mistakes in emitters and shape rules, each of which the tests must find."""
