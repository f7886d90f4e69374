import torch
from torch import nn


class TextCNN(nn.Module):
    def __init__(self, vocab_size=300, dim=20):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim, padding_idx=0)
        self.conv = nn.Conv1d(dim, 16, 3, padding=1)
        self.fc = nn.Linear(16, 2)
        self.init_weights()

    def init_weights(self):
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[0].zero_()

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        return self.fc(torch.relu(self.conv(x)).amax(-1))
