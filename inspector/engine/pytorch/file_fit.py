"""A file of weights held against a model, keys and shapes alone: what loading and repairing begin with."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.engine.pytorch.places import holdings_of, identity, places_of
from inspector.engine.pytorch.streamed_saving import versions_of, with_versions
from inspector.engine.pytorch.structure import dtype_name
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching import LOSSLESS, Candidate, Diagnosis, Entry, candidates, named_candidate, rivals


@dataclass(frozen=True, slots=True)
class FileFit:
    """The state_dict of a file that fills most of the model, and how."""

    catalog: Catalog
    found: list[Candidate]
    """Every state_dict of the file."""
    chosen: Candidate
    diagnosis: Diagnosis
    tensors: dict[str, CatalogTensor]
    """Of the chosen one, by the keys that its entries have."""
    rivals: list[Candidate]
    """Those that fill as much of the model; none where the user chose."""


def fit_of(
    catalog: Catalog,
    entries: list[Entry],
    weights: str,
    allow: frozenset[str] = LOSSLESS,
    container: str | None = None,
) -> FileFit:
    """The best of the file's state_dicts for a model with these entries, or the one in `container`.

    `weights` is the file as the user named it. Raises RequestError where it has none, or not that one.
    """
    found = candidates(catalog, entries, allow)
    named = named_candidate(catalog, container, entries, allow) if container is not None else None
    for one in found if named is None else [named]:
        if one.diagnosis is not None:
            alike = rivals(one, found) if named is None else []
            return FileFit(catalog, found, one, one.diagnosis, _tensors(catalog, one), alike)
    top = [container for container in catalog.containers if len(container.path) <= 1]
    kept = [name for container in top for name in (container.path or container.entries)]
    shown = f"{', '.join(kept[:6])}{' …' if len(kept) > 6 else ''}" or "nothing"
    raise RequestError(
        f"{weights} holds no state_dict, only: {shown}; `nninspect summary {weights}` shows more of it; give a file "
        "with the model's tensors"
    )


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of its state_dict, themselves and no copies, with the versions of its modules.

    Some models refuse to load what does not tell them.
    """
    whole = model.state_dict(keep_vars=True)
    state = OrderedDict((key, value) for key, value in whole.items() if isinstance(value, Tensor))
    return with_versions(state, versions_of(whole))


def model_entries(model: nn.Module, state: Mapping[str, Tensor]) -> list[Entry]:
    """The model's state_dict as matching takes it."""
    places = places_of(model)
    known = {holding.key: holding for holding in holdings_of(places)}
    types = {place.path: type(place.module).__name__ for place in places}
    return [
        Entry(
            key=key,
            shape=None if is_lazy(value) else tuple(value.shape),
            dtype=dtype_name(value.dtype),
            identity=str(identity(value)),
            trainable=value.requires_grad,
            kind=known[key].kind if key in known else "",
            module_type=types.get(key.rpartition(".")[0], ""),
        )
        for key, value in state.items()
    ]


def _tensors(catalog: Catalog, chosen: Candidate) -> dict[str, CatalogTensor]:
    depth = len(chosen.path)
    return {
        ".".join((*tensor.container[depth:], tensor.name)): tensor
        for tensor in catalog.tensors
        if tensor.container[:depth] == chosen.path
    }
