"""Modules that PyTorch lacks, as the text that goes into a file which uses them."""

from __future__ import annotations

from typing import Final

HELPERS: Final = {
    "ChannelLayerNorm": '''\
class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a map (N, C, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.movedim(-1, 1)
''',
    "ChannelRMSNorm": '''\
class ChannelRMSNorm(nn.RMSNorm):
    """Root-mean-square normalisation over the channels of a map (N, C, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.rms_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.eps)
        return x.movedim(-1, 1)
''',
    "Normalize": '''\
class Normalize(nn.Module):
    """Constants for each channel taken away from a map (N, C, ...), and divided by."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.mean = mean
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        shape = [-1] + [1] * (x.dim() - 2)
        return (x - x.new_tensor(self.mean).reshape(shape)) / x.new_tensor(self.std).reshape(shape)
''',
    "Permute": '''\
class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)
''',
    "StochasticDepth": '''\
class StochasticDepth(nn.Module):
    """A branch dropped with probability p in training (Huang et al., 2016): per example, or for the whole batch."""

    def __init__(self, p: float, mode: str = "row") -> None:
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        rows = x.shape[0] if self.mode == "row" else 1
        kept = torch.rand([rows] + [1] * (x.dim() - 1), dtype=x.dtype, device=x.device) >= self.p
        return x * kept / (1 - self.p)
''',
}
