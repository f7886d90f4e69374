"""How a tensor is spread over processes: DTensor's mesh and placements, and the flat parameters of the first FSDP.

`fully_shard`, the second FSDP, makes DTensors. Nobody has made any where torch's own modules for them were not
imported, which takes a while; their names differ between versions of torch.
"""

import sys
from typing import Any

import torch

from inspector.core.table import Distribution

_DTENSOR = ("torch.distributed.tensor", "torch.distributed._tensor")
_FLAT = ("torch.distributed.fsdp._flat_param", "torch.distributed.fsdp.flat_param")


def distribution_of(tensor: torch.Tensor) -> Distribution | None:
    """The mesh and the placements of a tensor that is spread over processes; None for all others."""
    if _is_of(tensor, _DTENSOR, "DTensor"):
        mesh = getattr(tensor, "device_mesh", None)
        return Distribution(
            kind="DTensor",
            mesh=[int(size) for size in getattr(mesh, "shape", ())],
            mesh_names=[str(name) for name in getattr(mesh, "mesh_dim_names", None) or ()],
            placements=[_placement(one) for one in getattr(tensor, "placements", ())],
            local_shape=list(local_part(tensor).shape),
        )
    if _is_of(tensor, _FLAT, "FlatParameter"):
        return Distribution(
            kind="FlatParameter",
            local_shape=list(tensor.shape),
            holds=[str(key) for key in getattr(tensor, "_fqns", ())],
        )
    return None


def local_part(tensor: torch.Tensor) -> torch.Tensor:
    """Of a DTensor what this process has, without asking the others, who may not be asked back; else the tensor."""
    if not _is_of(tensor, _DTENSOR, "DTensor"):
        return tensor
    to_local: Any = getattr(tensor, "to_local", None)
    with torch.no_grad():
        return tensor if to_local is None else to_local()


def _is_of(tensor: torch.Tensor, modules: tuple[str, ...], name: str) -> bool:
    if type(tensor) in (torch.Tensor, torch.nn.Parameter):
        return False
    classes = (getattr(sys.modules.get(module), name, None) for module in modules)
    return any(isinstance(cls, type) and isinstance(tensor, cls) for cls in classes)


def _placement(placement: object) -> str:
    """``Shard(0)``, ``Replicate()``, ``Partial(sum)``; what a later torch adds as it writes itself."""
    dim = getattr(placement, "dim", None)
    name = type(placement).__name__
    if name == "Shard":
        return f"Shard({dim})"
    return "Replicate()" if name == "Replicate" else repr(placement)
