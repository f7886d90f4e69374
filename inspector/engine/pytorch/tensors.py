"""The parameters and buffers of a PyTorch model, each under every key it has."""

from collections import defaultdict
from typing import Literal, cast

from torch import nn

from inspector.core.table import Tensor
from inspector.engine.pytorch.distribution import distribution_of
from inspector.engine.pytorch.expressions import Expressions
from inspector.engine.pytorch.places import Inventory, bytes_of, elements_of, inventory_of, shape_of
from inspector.engine.pytorch.structure import dtype_name


def tensors_of(model: nn.Module | Inventory) -> list[Tensor]:
    """Every parameter and buffer in the order of the state_dict, with those that it leaves out.

    A tied tensor is listed under each of its keys. Shape, elements and bytes of an uninitialised one are None.
    """
    places, holdings, identities = inventory_of(model)
    expressions = Expressions(places)
    ties: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for holding, key in zip(holdings, identities, strict=True):
        ties[key].append(holding.key)
    found = []
    for holding, key in zip(holdings, identities, strict=True):
        tensor, elements = holding.tensor, elements_of(holding.tensor)
        found.append(
            Tensor(
                key=holding.key,
                kind=cast(Literal["parameter", "buffer"], holding.kind),
                shape=shape_of(tensor),
                dtype=dtype_name(tensor.dtype),
                device=str(tensor.device),
                trainable=holding.kind == "parameter" and tensor.requires_grad,
                persistent=holding.persistent,
                elements=elements,
                bytes=bytes_of(tensor),
                tied_to=[other for other in ties[key] if other != holding.key] if len(ties[key]) > 1 else [],
                expression=expressions.tensor(holding),
                lazy=elements is None,
                distribution=distribution_of(tensor),
            )
        )
    return found
