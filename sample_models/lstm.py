"""A recurrent network that reads words and says whether it liked them.

Shows: an input of integers, each less than the number of words in the embedding; the four gates that an LSTM keeps
in one weight matrix (`weight_ih_l0` has 4 × 32 rows); and a module whose output is not one tensor but several.
"""

import torch
from torch import nn


class SentimentLSTM(nn.Module):
    """Embedding, LSTM, and a linear layer on the last hidden state."""

    def __init__(self, words: int = 1000, features: int = 16, hidden: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, features)
        self.lstm = nn.LSTM(features, hidden, batch_first=True)
        self.classify = nn.Linear(hidden, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Word numbers [n, length], of dtype int64, to two scores [n, 2]."""
        _, (hidden, _) = self.lstm(self.embedding(ids))
        return self.classify(hidden[-1])
