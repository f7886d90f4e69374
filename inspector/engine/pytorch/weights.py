"""Load a file of weights into a model: what fits is copied, everything else is reported.

Tensors are read by ``torch.load(weights_only=True)`` or safetensors only, after the file's own catalog has been held
against its size; nothing falls back to unsafe loading.
"""

import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.named_globals import refused_first
from inspector.core.table import Load, LoadRule, Mismatch
from inspector.engine.arrays import tensor_of
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog
from inspector.files.catalog import Catalog
from inspector.files.matching.wrappers import Alignment, Shape, align, fits
from inspector.files.values.reading import read_tensor

_DAMAGE = ("out-of-storage", "shard-missing", "shard-unreadable", "shard-outside", "piece-missing")
_MAX_DEPTH = 8
_AVERAGES = ("ema", "swa", "teacher", "shadow")


def load_weights(model: nn.Module, path: str, allow_outside: bool = False) -> Load:
    """Copy into `model` what fits of the file at `path`, keeping ties, dtypes, devices, modes and requires_grad.

    A file of which nothing fits is not an error but a coverage of 0. Raises RequestError where the file cannot be read
    safely, holds no state_dict, or the model cannot take values (meta tensors).
    """
    catalog = open_catalog(user_path(path), allow_outside)
    content = _read(catalog)
    state = model.state_dict(keep_vars=True)
    shapes: dict[str, Shape | None] = {
        key: None if is_lazy(value) else tuple(value.shape) if isinstance(value, Tensor) else ()
        for key, value in state.items()
    }
    chosen = _choose(content, shapes, path)
    return _load(model, state, shapes, chosen, path)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The mapping of the file that fills most of the model."""

    path: tuple[str, ...]
    mapping: Mapping[Any, Any]
    alignment: Alignment


def _read(catalog: Catalog) -> Any:
    """The tensors of a file; raises RequestError where they cannot be read safely."""
    path = catalog.path
    _refuse_other_roots(catalog)
    damaged = next((note for note in catalog.notes if note.code in _DAMAGE), None)
    if damaged:
        raise RequestError(f"{path} is damaged or not whole: {damaged.message}; fetch the file again")
    try:
        if catalog.format == "safetensors":
            return load_file(path, device="cpu")
        if catalog.format not in ("torch-zip", "torch-legacy"):
            return _mapped(catalog)
        if path.endswith(".safetensors"):
            # torch goes by the name; the file's content says that it is torch's.
            with open(path, "rb") as stream:
                return torch.load(stream, map_location="cpu", weights_only=True)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=catalog.format == "torch-zip")
    except pickle.UnpicklingError as error:
        raise RequestError(_refused(catalog, error)) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise RequestError(f"{path} cannot be read: {_first_line(error)}; fetch or save the file again") from error


def _mapped(catalog: Catalog) -> dict[str, Any]:
    """The tensors of a file that no library loads as it is, in the mappings that hold them."""
    content: dict[str, Any] = {}
    for tensor in catalog.tensors:
        held = content
        for part in tensor.container:
            held = held.setdefault(part, {})
        held[tensor.name] = tensor_of(read_tensor(catalog, tensor))
    return content


def _refuse_other_roots(catalog: Catalog) -> None:
    path = catalog.path
    if catalog.format == "torchscript":
        raise RequestError(
            f"{path} is a TorchScript archive, not a state_dict; where you trust it, make one with "
            f"torch.save(torch.jit.load({path!r}).state_dict(), 'weights.pt')"
        )
    if catalog.root == "module":
        raise RequestError(
            f"{path} is a whole pickled model (class {catalog.root_type}), and loading that would run what it "
            "names; where its class is at hand and you trust it, save torch.save(model.state_dict(), 'weights.pt') and "
            "give that file"
        )
    if catalog.root == "tensor":
        raise RequestError(
            f"{path} is a single tensor, not a state_dict; save it under its key: "
            "torch.save({'layer.weight': tensor}, …)"
        )
    if catalog.root == "list":
        raise RequestError(
            f"{path} is a {catalog.root_type} of values without names, not a state_dict; "
            "save torch.save(model.state_dict(), …) instead"
        )
    if not catalog.tensors and catalog.root != "mapping":
        raise RequestError(
            f"{path} holds no tensors, only a value of type {catalog.root_type}; give a file with a state_dict"
        )


def _refused(catalog: Catalog, error: Exception) -> str:
    """Why the safe reader would not take the file, and the way out."""
    if catalog.unsafe_globals:
        refused = refused_first(catalog.globals)
        shown = ", ".join(f"{found.name} ({found.what})" for found in refused[:4]) + (" …" if len(refused) > 4 else "")
        return (
            f"{catalog.path} holds more than tensors: it names {shown}, which a safe reader does not run; where "
            "you trust the file, load it yourself and save only its state_dict: "
            "torch.save(model.state_dict(), 'weights.pt')"
        )
    if (catalog.protocol or 0) > 2:
        return (
            f"{catalog.path} was pickled with protocol {catalog.protocol}, and PyTorch's safe reader knows protocol 2 "
            "only; save it again with torch.save's default protocol"
        )
    return f"{catalog.path} is refused by PyTorch's safe reader: {_first_line(error)}; save only its state_dict again"


def _choose(content: Any, shapes: Mapping[str, Shape | None], path: str) -> _Chosen:
    best: _Chosen | None = None
    best_rank: tuple[Any, ...] = ()
    for where, mapping in _state_dicts(content, ()):
        file_shapes = {
            key: tuple(value.shape) if isinstance(value, Tensor) else ()
            for key, value in mapping.items()
            if isinstance(key, str) and (isinstance(value, Tensor) or key.endswith("_extra_state"))
        }
        alignment = align(file_shapes, shapes)
        average = any(word in part.lower() for part in where for word in _AVERAGES)
        filled, pairs, rules = alignment.rank
        # Where nothing fits, the largest mapping is the one to report on.
        rank = (filled, pairs, rules, not average, len(file_shapes) if not pairs else 0, -len(where))
        if best is None or rank > best_rank:
            best, best_rank = _Chosen(where, mapping, alignment), rank
    if best is None:
        kept = ", ".join(map(str, list(content)[:6])) if isinstance(content, Mapping) else type(content).__name__
        raise RequestError(
            f"{path} holds no state_dict, only: {kept or 'nothing'}; give a file with the model's tensors"
        )
    return best


def _state_dicts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    """Mappings that hold tensors by name, however deep, but not the optimizer's."""
    if not isinstance(value, Mapping) or len(path) > _MAX_DEPTH or "param_groups" in value:
        return
    if any(isinstance(key, str) and isinstance(item, Tensor) for key, item in value.items()):
        yield path, value
    for key, item in value.items():
        if "optim" not in str(key).lower():
            yield from _state_dicts(item, (*path, str(key)))


def _load(
    model: nn.Module,
    state: Mapping[str, Any],
    shapes: Mapping[str, Shape | None],
    chosen: _Chosen,
    path: str,
) -> Load:
    pairs, mapping = chosen.alignment.pairs, chosen.mapping
    fitting = {key: name for key, name in pairs.items() if _takes(mapping[key], state[name], shapes[name])}
    on_meta = [name for name in fitting.values() if isinstance(state[name], Tensor) and state[name].is_meta]
    if on_meta:
        raise RequestError(
            f"{path}: {on_meta[0]} of the model is on the meta device, which holds no values; "
            "build the model on cpu, load, and move it then"
        )
    mismatched = [
        Mismatch(key=name, file_shape=list(mapping[key].shape), model_shape=list(shapes[name] or ()))
        for key, name in pairs.items()
        if key not in fitting and isinstance(mapping[key], Tensor) and not fits(tuple(mapping[key].shape), shapes[name])
    ]
    casts = _casts(mapping, state, fitting)
    entries = _entries(mapping, pairs, fitting, state)
    absent, unexpected = _copy(model, entries, path)
    after = model.state_dict(keep_vars=True)
    # A model's own hooks may name keys otherwise when they load than when they save.
    pairs = {key: name for key, name in pairs.items() if name not in unexpected}
    fitting = {key: name for key, name in fitting.items() if key in pairs}
    filled = set(fitting.values())
    hooked = _taken_by_hooks(mapping, pairs, unexpected, after, filled | {item.key for item in mismatched})
    filled |= set(hooked.values())
    ties = _twins(after, filled)
    filled |= set(ties)
    rules = [] if not chosen.path else [_rule("container", ".".join(chosen.path), "", len(fitting))]
    rules += chosen.alignment.rules
    rules += [_rule("hook", key, name, 1) for key, name in hooked.items()]
    rules += [_rule("tied", twin, name, 1) for name, twin in ties.items()]
    other = {item.key for item in mismatched}
    return Load(
        matched=len(filled),
        missing=[key for key in (after if absent is None else absent) if key not in filled and key not in other],
        unexpected=[str(key) for key in mapping if _left_over(key, pairs, fitting, hooked, mapping)],
        mismatched=mismatched,
        coverage=_coverage(after, filled),
        rules=[*rules, *casts],
    )


def _takes(value: Any, target: Any, shape: Shape | None) -> bool:
    if isinstance(target, Tensor) or is_lazy(target):
        return isinstance(value, Tensor) and fits(tuple(value.shape), shape)
    # An extra state is whatever the module's own set_extra_state takes.
    return True


def _left_over(
    key: Any,
    pairs: Mapping[str, str],
    fitting: Mapping[str, str],
    hooked: Mapping[str, str],
    mapping: Mapping[Any, Any],
) -> bool:
    """Whether an entry of the file went nowhere; one with another shape is listed as mismatched instead."""
    if key in fitting or key in hooked:
        return False
    return key not in pairs or not isinstance(mapping[key], Tensor)


def _entries(
    mapping: Mapping[Any, Any], pairs: Mapping[str, str], fitting: Mapping[str, str], state: Mapping[str, Any]
) -> "OrderedDict[str, Any]":
    """What is handed to `load_state_dict`: what fits, and unknown keys, which a module's own hooks may know."""
    entries: OrderedDict[str, Any] = OrderedDict((name, mapping[key]) for key, name in fitting.items())
    for key, value in mapping.items():
        if isinstance(key, str) and isinstance(value, Tensor) and key not in pairs and key not in state:
            entries.setdefault(key, value)
    metadata = getattr(mapping, "_metadata", None)
    if isinstance(metadata, Mapping):
        moved = {key.rpartition(".")[0]: name.rpartition(".")[0] for key, name in pairs.items()}
        entries._metadata = OrderedDict((moved.get(str(at), str(at)), kept) for at, kept in metadata.items())  # type: ignore[attr-defined]
    return entries


def _copy(model: nn.Module, entries: "OrderedDict[str, Any]", path: str) -> tuple[list[str] | None, set[str]]:
    """Load the entries; return the keys that the model itself says are missing, and those it did not expect.

    None for those missing where an overridden load_state_dict returns nothing.
    """
    try:
        result = model.load_state_dict(entries, strict=False)
    except Exception as error:
        # Hooks, set_extra_state and overridden loading are the model's own code, which can raise anything.
        raise RequestError(f"{path} does not load into the model: {_reason(error)}") from error
    return getattr(result, "missing_keys", None), set(getattr(result, "unexpected_keys", ()))


def _taken_by_hooks(
    mapping: Mapping[Any, Any],
    pairs: Mapping[str, str],
    unexpected: set[str],
    state: Mapping[str, Any],
    known: set[str],
) -> dict[str, str]:
    """Old keys that a module's own load hook took (``weight_g`` of weight_norm), and where their values are now."""
    taken: dict[str, str] = {}
    for key, value in mapping.items():
        if not isinstance(key, str) or not isinstance(value, Tensor) or key in pairs or key in unexpected:
            continue
        parent = key.rpartition(".")[0]
        for name, target in state.items():
            below = name.startswith(f"{parent}.") or not parent
            if below and name not in known and name not in taken.values() and _same_values(value, target):
                taken[key] = name
                break
    return taken


def _same_values(value: Tensor, target: Any) -> bool:
    if not isinstance(target, Tensor) or is_lazy(target) or target.shape != value.shape:
        return False
    return torch.equal(value.to(device=target.device, dtype=target.dtype), target.detach())


def _casts(mapping: Mapping[Any, Any], state: Mapping[str, Any], fitting: Mapping[str, str]) -> list[LoadRule]:
    """Values that take the model's dtype on the way; lossy where that dtype cannot hold all of the file's."""
    counts: dict[tuple[torch.dtype, torch.dtype], int] = {}
    for key, name in fitting.items():
        if isinstance(state[name], Tensor) and mapping[key].dtype != state[name].dtype:
            change = (mapping[key].dtype, state[name].dtype)
            counts[change] = counts.get(change, 0) + 1
    return [
        LoadRule(
            kind="cast",
            from_=str(given).removeprefix("torch."),
            to=str(kept).removeprefix("torch."),
            tensors=count,
            lossy=_is_lossy(given, kept),
        )
        for (given, kept), count in counts.items()
    ]


def _is_lossy(given: torch.dtype, kept: torch.dtype) -> bool:
    try:
        return torch.promote_types(given, kept) != kept
    except (RuntimeError, TypeError):
        return True


def _identity(tensor: Tensor) -> object:
    """The same for parameters that share one memory, whether they are one object or two."""
    if is_lazy(tensor) or tensor.is_meta or tensor.layout != torch.strided or tensor.numel() == 0:
        return id(tensor)
    return (tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _twins(state: Mapping[str, Any], filled: set[str]) -> dict[str, str]:
    """Keys that the file lacks but whose tensor was filled under another key."""
    by_identity = {_identity(state[key]): key for key in state if key in filled and isinstance(state[key], Tensor)}
    return {
        key: by_identity[_identity(value)]
        for key, value in state.items()
        if key not in filled and isinstance(value, Tensor) and _identity(value) in by_identity
    }


def _coverage(state: Mapping[str, Any], filled: set[str]) -> float:
    """Share of the elements of the distinct tensors that came from the file; 1 where there is nothing to fill."""
    sizes: dict[object, int] = {}
    reached: dict[object, int] = {}
    for key, value in state.items():
        if isinstance(value, Tensor) and not is_lazy(value):
            sizes[_identity(value)] = value.numel()
            if key in filled:
                reached[_identity(value)] = value.numel()
    total = sum(sizes.values())
    return sum(reached.values()) / total if total else 1.0


def _rule(kind: str, from_: str, to: str, tensors: int) -> LoadRule:
    return LoadRule(kind=kind, from_=from_, to=to, tensors=tensors)


def _reason(error: Exception) -> str:
    """What went wrong with the first key, of torch's list of sentences on every key."""
    found = re.search(r'named "(.*?)".*?an exception occurred : \([\'"](.*?)[\'"],\)', str(error), re.DOTALL)
    return f"{found[1]}: {found[2]}" if found else _first_line(error)


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"
