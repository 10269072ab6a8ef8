"""torchvision's convolutional classifiers compared with the specs; `python -m tests.zoo` compares all at full size."""
