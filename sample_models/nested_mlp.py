"""A perceptron nested in another module.

Shows: keys grow by one part for each level (`body.hidden.weight`), the modules of a class may themselves have modules,
and the model of this file is `Classifier`, because `Classifier` uses `MLP` and nothing uses `Classifier`.
"""

import torch
from torch import nn


class MLP(nn.Module):
    """The inner network: 20 numbers to 32."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.activation = nn.ReLU()
        self.output = nn.Linear(64, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 20] to [n, 32]."""
        return self.output(self.activation(self.hidden(x)))


class Classifier(nn.Module):
    """The perceptron as the body, and a linear layer as the head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = MLP()
        self.head = nn.Linear(32, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 20] to [n, 16]."""
        return self.head(self.body(x))
