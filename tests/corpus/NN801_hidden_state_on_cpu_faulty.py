import torch
import torch.nn as nn


class RNN(nn.Module):
    def __init__(self, n_in=5, n_hidden=12, n_out=3):
        super().__init__()
        self.n_hidden = n_hidden
        self.cell = nn.GRUCell(n_in, n_hidden)
        self.out = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        h = torch.zeros(x.size(0), self.n_hidden)
        for t in range(x.size(1)):
            h = self.cell(x[:, t], h)
        return self.out(h)


if __name__ == "__main__":
    RNN()(torch.randn(4, 7, 5))
