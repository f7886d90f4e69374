"""Attention and recurrence: modules that do their work without calling their children."""

import torch
from torch import nn
from zoo_specimen import ids, image, specimen


@specimen(image(2, 5, 8))
def encoder() -> nn.Module:
    """In eval mode torch may take a fast path that skips every module inside."""
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    return nn.TransformerEncoder(layer, 2)


@specimen(image(2, 5, 8))
class Attention(nn.Module):
    """Keyword arguments, several outputs, and an `out_proj` that has weights but is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        attended, _ = self.attend(query=x, key=x, value=x, need_weights=False)
        return attended


@specimen(ids(2, 7, below=13))
class Recurrent(nn.Module):
    """Embedding with a padding row, a two-layer bidirectional LSTM with projection, a GRU, a cell in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(13, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, num_layers=2, bidirectional=True, proj_size=3, batch_first=True)
        self.gru = nn.GRU(6, 4, batch_first=True)
        self.cell = nn.RNNCell(4, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x, _ = self.lstm(self.embedding(ids))
        x, _ = self.gru(x)
        state = torch.zeros(x.shape[0], 3)
        for step in x.unbind(dim=1):
            state = self.cell(step, state)
        return state


@specimen(image(4, 3), image(4, 5))
def two_forms() -> nn.Module:
    """A module of two inputs at the root."""
    return nn.Bilinear(3, 5, 2)


@specimen(ids(2, 6, below=20))
class TinyLanguageModel(nn.Module):
    """Tied weights, a causal mask in a buffer that is not saved, layers in a ModuleDict."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(20, 8)
        self.positions = nn.Parameter(torch.zeros(16, 8))
        self.block = nn.ModuleDict({"attend": nn.MultiheadAttention(8, 2, batch_first=True), "norm": nn.LayerNorm(8)})
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.tokens.weight
        mask = torch.ones(16, 16, dtype=torch.bool).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        x = self.tokens(ids) + self.positions[:length]
        attended, _ = self.block["attend"](x, x, x, attn_mask=self.mask[:length, :length], need_weights=False)
        return self.head(self.block["norm"](x + attended))
