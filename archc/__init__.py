"""archc: the compiler for neural-network architectures."""
