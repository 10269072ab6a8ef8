"""Random networks in every target: shapes, numbers, attributes, costs and bytes, each against what archc did not write."""
