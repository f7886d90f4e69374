# also: NN001
import torch
from torch import nn


class CharRNN(nn.Module):
    def __init__(self, n_chars=60, hidden=32, batch_size=8):
        super().__init__()
        self.hidden_size = hidden
        self.batch_size = batch_size
        self.emb = nn.Embedding(n_chars, hidden)
        self.rnn = nn.LSTM(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n_chars)

    def forward(self, x):
        h0 = torch.zeros(1, self.batch_size, self.hidden_size, device=x.device)
        c0 = torch.zeros(1, self.batch_size, self.hidden_size, device=x.device)
        y, _ = self.rnn(self.emb(x), (h0, c0))
        return self.out(y)


if __name__ == "__main__":
    CharRNN()(torch.randint(0, 60, (8, 15)))
