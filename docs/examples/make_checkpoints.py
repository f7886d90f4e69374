"""The checkpoints that the pages open: one of each format, and some of the troubles that real ones have."""

import json
import os
import struct

import numpy as np
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(0)
lenet = torch.load("../sample_models/lenet.params", weights_only=True)

# Troubles
torch.save({"state_dict": {f"module.{key}": value for key, value in lenet.items()}}, "ddp.pt")
torch.save({**lenet, "fc3.weight": torch.randn(5, 84), "fc3.bias": torch.zeros(5)}, "five_classes.pt")
torch.save({key: value + 0.01 * torch.randn_like(value) for key, value in lenet.items()}, "later.pt")
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2))
optimizer = torch.optim.Adam(model.parameters())
model(torch.randn(2, 3, 16, 16)).sum().backward()
optimizer.step()
training = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
torch.save(training, "training.pt")

# Formats
torch.save(model, "whole_model.pt")
torch.save(lenet, "legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.script(model.eval()).save("scripted.pt")
torch.export.save(torch.export.export(model.eval(), (torch.randn(1, 3, 16, 16),)), "program.pt2")
save_file(lenet, "lenet.safetensors")
np.savez("arrays.npz", weight=np.arange(12, dtype=np.float32).reshape(3, 4), bias=np.zeros(3, np.float16))
np.save("array.npy", np.arange(6.0).reshape(2, 3))

os.makedirs("sharded", exist_ok=True)
halves = [dict(list(lenet.items())[:4]), dict(list(lenet.items())[4:])]
names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
for name, half in zip(names, halves, strict=True):
    save_file(half, f"sharded/{name}")
placed = {key: name for name, half in zip(names, halves, strict=True) for key in half}
with open("sharded/model.safetensors.index.json", "w") as stream:
    json.dump({"metadata": {"total_size": 248024}, "weight_map": placed}, stream)

dcp.save({"model": lenet}, checkpoint_id="distributed", no_dist=True)


def gguf(path: str, name: str, values: np.ndarray) -> None:
    """One float32 tensor, as docs/gguf.md of ggml has it."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text(name) + struct.pack("<I", values.ndim) + struct.pack(f"<{values.ndim}Q", *values.shape[::-1])
    head += struct.pack("<IQ", 0, 0)
    with open(path, "wb") as stream:
        stream.write(head + b"\0" * (-len(head) % 32) + values.astype("<f4").tobytes())


gguf("tiny.gguf", "token_embd.weight", np.ones((8, 4)))
