# also: NN302
# options: --input 2x1x28x28
"""All convolutions from N(0, 0.01²), and nothing that normalises."""

import torch.nn as nn


class TinyConv(nn.Module):
    def __init__(self):
        super().__init__()
        convs = []
        for i in range(7):
            c = nn.Conv2d(1 if i == 0 else 16, 16, 3, padding=1)
            nn.init.normal_(c.weight, std=0.01)
            nn.init.zeros_(c.bias)
            convs.append(c)
        self.convs = nn.ModuleList(convs)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        for conv in self.convs:
            x = self.relu(conv(x))
        return self.fc(x.mean([2, 3]))
