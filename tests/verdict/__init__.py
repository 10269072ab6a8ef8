"""The verdict test: random networks, from which a spec and an eager PyTorch program are made independently."""
