import torch
from torch import nn


class Tagger(nn.Module):
    """Part-of-speech tags for token ids of shape (batch, seq)."""

    def __init__(self, vocab: int = 200, dim: int = 24, tags: int = 9):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.rnn = nn.GRU(
            dim,
            dim,
            bidirectional=True,
        )
        self.out = nn.Linear(2 * dim, tags)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.rnn(self.embed(tokens))
        return self.out(hidden)
