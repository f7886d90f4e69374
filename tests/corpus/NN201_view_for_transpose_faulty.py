import torch
from torch import nn


class SpeechCommands(nn.Module):
    """GRU over frames; torch's recurrent layers want the frames first."""

    def __init__(self, n_mels=20, hidden=40, n_commands=12):
        super().__init__()
        self.gru = nn.GRU(n_mels, hidden)
        self.classify = nn.Linear(hidden, n_commands)

    def forward(self, x):
        batch_size, frames, n_mels = x.shape
        x = x.view(frames, batch_size, n_mels)
        _, last = self.gru(x)
        return self.classify(last[-1])


if __name__ == "__main__":
    model = SpeechCommands()
    print(model(torch.zeros(3, 81, 20)).size())
