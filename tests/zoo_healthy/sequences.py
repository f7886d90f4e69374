"""Recurrent and convolutional networks for text, sound and series."""

import torch
import torch.nn.functional as F
from torch import nn


class LSTMClassifier(nn.Module):
    def __init__(self, vocabulary=120, width=32, hidden=48, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=0.2)
        self.fc = nn.Linear(2 * hidden, classes)

    def forward(self, tokens):
        _, (hidden, _) = self.lstm(self.embedding(tokens))
        return self.fc(torch.cat([hidden[-2], hidden[-1]], 1))


class CharacterLSTM(nn.Module):
    def __init__(self, vocabulary=60, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 32)
        self.lstm = nn.LSTM(32, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, ids):
        return self.out(self.lstm(self.embedding(ids))[0])


class GRUForecaster(nn.Module):
    def __init__(self, features=8, hidden=32, horizon=6):
        super().__init__()
        self.gru = nn.GRU(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, horizon)

    def forward(self, series):
        out, _ = self.gru(series)
        return self.head(out[:, -1])


class AudioNet(nn.Module):
    def __init__(self, classes=12):
        super().__init__()
        layers, channels = [], 1
        for width, kernel, stride in [(32, 64, 8), (48, 9, 4), (64, 5, 4), (96, 3, 2)]:
            layers += [
                nn.Conv1d(channels, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
            ]  # fmt: skip
            channels = width
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(channels, classes)

    def forward(self, wave):
        return self.fc(self.features(wave).mean(-1))


class CausalBlock(nn.Module):
    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        self.left = 2 * dilation
        self.conv1 = nn.utils.parametrizations.weight_norm(nn.Conv1d(inputs, outputs, 3, dilation=dilation))
        self.conv2 = nn.utils.parametrizations.weight_norm(nn.Conv1d(outputs, outputs, 3, dilation=dilation))
        self.down = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x):
        y = F.relu(self.conv1(F.pad(x, (self.left, 0))))
        y = F.relu(self.conv2(F.pad(y, (self.left, 0))))
        return F.relu(y + (x if self.down is None else self.down(x)))


class TCN(nn.Module):
    def __init__(self, inputs=3, width=24, classes=4):
        super().__init__()
        self.blocks = nn.Sequential(
            CausalBlock(inputs, width, 1), CausalBlock(width, width, 2), CausalBlock(width, width, 4)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.blocks(x)[:, :, -1])


class TextCNN(nn.Module):
    def __init__(self, vocabulary=300, width=50, classes=4):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.convs = nn.ModuleList([nn.Conv1d(width, 40, size) for size in (3, 4, 5)])
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(120, classes)

    def forward(self, ids):
        x = self.embed(ids).transpose(1, 2)
        x = torch.cat([F.relu(conv(x)).amax(-1) for conv in self.convs], 1)
        return self.fc(self.drop(x))


class Seq2Seq(nn.Module):
    def __init__(self, vocabulary=50, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRUCell(width, width)
        self.attend = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(2 * width, vocabulary)

    def forward(self, source, target):
        memory, hidden = self.encoder(self.embed(source))
        state, made = hidden[0], []
        for step in self.embed(target).unbind(1):
            state = self.decoder(step, state)
            weight = (memory @ self.attend(state)[:, :, None]).softmax(1)
            made.append(self.out(torch.cat([state, (weight * memory).sum(1)], 1)))
        return torch.stack(made, 1)


class MultiInput(nn.Module):
    def __init__(self, categories=20, numbers=10):
        super().__init__()
        self.category = nn.Embedding(categories, 8)
        self.image = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.numbers = nn.Sequential(nn.BatchNorm1d(numbers), nn.Linear(numbers, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(8 + 32 + 16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, image, numbers, category):
        parts = [self.image(image), self.numbers(numbers), self.category(category)]
        return self.head(torch.cat(parts, 1))
