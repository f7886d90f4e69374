from torch import nn


class Decoder(nn.Module):
    def __init__(self, tokens=80, dim=16):
        super().__init__()
        self.wte = nn.Embedding(tokens, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.lm_head = nn.Linear(dim, tokens, bias=False)
        self.lm_head.weight = nn.Parameter(self.wte.weight.clone())

    def forward(self, ids):
        h = self.wte(ids)
        return self.lm_head(h + self.mlp(h))
