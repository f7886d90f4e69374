"""The forward prints without end in sight: some ten gigabytes, from a debugging line that was forgotten."""

import torch
from torch import nn


class PrintsALot(nn.Module):
    """A linear layer and a chatty loop."""

    def __init__(self, lines: int = 100_000_000) -> None:
        super().__init__()
        self.lines = lines
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 4] to [n, 2], after a hundred bytes for each of the `lines`."""
        for number in range(self.lines):
            print(f"step {number:>12}: " + "x" * 80)
        return self.linear(x)
