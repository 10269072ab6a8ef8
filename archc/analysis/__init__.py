"""What can be told of a graph without running it: parameters, MACs, memory, valid sizes."""
