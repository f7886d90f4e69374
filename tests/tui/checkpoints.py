"""Files of tensors for the interface to show."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from inspector.core.table import ModelTable
from inspector.files import open_catalog, table_of


def transformer_file(folder: Path, layers: int = 12, odd: int = 7) -> ModelTable:
    """A transformer's weights as safetensors, the layer `odd` narrower within than the others."""
    tensors = {"embed.weight": torch.zeros(100, 8), "head.weight": torch.zeros(100, 8)}
    for number in range(layers):
        inner = 4 if number == odd else 32
        tensors[f"layers.{number}.attn.qkv.weight"] = torch.zeros(24, 8)
        tensors[f"layers.{number}.attn.proj.weight"] = torch.zeros(8, 8)
        tensors[f"layers.{number}.mlp.up.weight"] = torch.zeros(inner, 8)
        tensors[f"layers.{number}.mlp.down.weight"] = torch.zeros(8, inner)
    path = folder / "transformer.safetensors"
    save_file(tensors, path)
    return table_of(open_catalog(path), path.name)
