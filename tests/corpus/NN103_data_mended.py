# options: --input sequence=3x5x6
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, inputs=6, hidden=10):
        super().__init__()
        self.cell = nn.GRUCell(inputs, hidden)
        self.out = nn.Linear(hidden, 2)

    def forward(self, sequence):
        state = sequence.new_zeros(sequence.size(0), self.cell.hidden_size)
        for step in sequence.unbind(1):
            state = self.cell(step, state)
        return self.out(state)
