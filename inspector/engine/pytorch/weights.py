"""Load a file of weights into a model: what surely fits is copied, everything else is reported.

What fits is what `repair` would find, as far as no value is lost and nothing is guessed. The file is never run: its
tensors are mapped from where it says that they lie, after it has been held against its size.
"""

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.loads import Load, LoadRule
from inspector.engine.pytorch.file_fit import FileFit, fit_of, model_entries
from inspector.engine.pytorch.file_values import FileValues, first_line
from inspector.engine.pytorch.mapped_weights import refuse_without_values, take_over
from inspector.engine.pytorch.places import identity
from inspector.engine.pytorch.streamed_saving import versions_of, with_versions
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog
from inspector.files.catalog import Catalog
from inspector.files.damage import DAMAGE
from inspector.files.matching import Renaming, Transfer, certain, doubts, guessed, rules_about
from inspector.files.repair_snippet import is_plain, snippet

_NOT_WHOLE = (*DAMAGE, "shard-outside")
_PICKLED = ("torch-zip", "torch-legacy", "torch-tar")


def load_weights(
    model: nn.Module, path: str, allow_outside: bool = False, container: str | None = None, mapped: bool = False
) -> Load:
    """Copy into `model` what fits of the file at `path`, keeping ties, dtypes, devices, modes and requires_grad.

    Of several state_dicts in the file it is the one in `container`, or the one that fills most of the model. A model
    whose parameters are on meta is given the `mapped` memory of the file instead of a copy.
    A file of which nothing fits is not an error but a coverage of 0. Raises RequestError where the file cannot be read,
    holds no state_dict, or the model cannot take values (meta tensors).
    """
    catalog = open_catalog(user_path(path), allow_outside)
    _refuse_what_has_no_keys(catalog)
    _refuse_damaged(catalog)
    state = model.state_dict(keep_vars=True)
    entries = model_entries(model, {k: v for k, v in state.items() if isinstance(v, Tensor)})
    fit = fit_of(catalog, entries, path, container=container)
    transfers = {transfer.target: transfer for transfer in certain(fit.diagnosis)}
    if not mapped:
        _refuse_on_meta(state, transfers, path)
    handed = _handed(fit, transfers, state)
    absent, unexpected = _copy(model, handed.entries, path, mapped)
    if mapped:
        refuse_without_values(model, path)
    after = model.state_dict(keep_vars=True)
    return _told(path, fit, transfers, handed, absent, unexpected, after)


@dataclass(frozen=True, slots=True)
class _Handed:
    """What the model is given to load."""

    entries: "OrderedDict[str, Any]"
    states: dict[str, str]
    """Keys of the model that are no tensors, as a module's extra state, and the file's keys for them."""
    unknown: dict[str, str]
    """Keys that only a load hook of the model may know, and what they are in the file."""


def _refuse_what_has_no_keys(catalog: Catalog) -> None:
    path = catalog.path
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
    if not catalog.tensors and catalog.root not in ("mapping", "module"):
        raise RequestError(
            f"{path} holds no tensors, only a value of type {catalog.root_type}; give a file with a state_dict"
        )


def _refuse_damaged(catalog: Catalog) -> None:
    damaged = next((note for note in catalog.notes if note.code in _NOT_WHOLE), None)
    if damaged and damaged.code == "shard-outside":
        raise RequestError(f"{catalog.path} was not loaded: {damaged.message}")
    if damaged:
        raise RequestError(f"{catalog.path} is damaged or not whole: {damaged.message}; fetch the file again")


def _refuse_on_meta(state: Mapping[str, Any], filled: Collection[str], path: str) -> None:
    on_meta = next((key for key in filled if state[key].is_meta), None)
    if on_meta:
        raise RequestError(
            f"{path}: {on_meta} of the model is on the meta device, which holds no values; "
            "build the model on cpu, load, and move it then"
        )


def _handed(fit: FileFit, transfers: Mapping[str, Transfer], state: Mapping[str, Any]) -> _Handed:
    values = FileValues(fit)
    entries: OrderedDict[str, Any] = OrderedDict((key, values.of(transfer)) for key, transfer in transfers.items())
    renaming = Renaming(transfers.values())
    states: dict[str, str] = {}
    for key in [*_others(fit), *fit.tensors]:
        name = renaming.key(key)
        if name in state and not isinstance(state[name], Tensor):
            entries[name] = values.entry(key)
            states[name] = key
    unknown: dict[str, str] = {}
    spoken_for = {*_used(transfers), *_clashing(fit), *states.values()}
    for key in fit.tensors:
        name = renaming.key(key)
        if key not in spoken_for and name not in state and name not in entries:
            value = values.mapped(key)
            if value is not None:
                entries[name], unknown[name] = value, key
    metadata = _metadata(fit, renaming)
    if metadata:
        entries._metadata = metadata  # type: ignore[attr-defined]
    return _Handed(entries, states, unknown)


def _others(fit: FileFit) -> list[str]:
    """Keys of the state_dict under which there is no tensor."""
    if fit.catalog.format not in _PICKLED:
        return []
    depth, path = len(fit.chosen.path), fit.chosen.path
    found: dict[str, None] = {}
    for container in fit.catalog.containers:
        if container.path == path:
            found.update(dict.fromkeys(container.entries))
        elif container.path[:depth] == path:
            found[container.path[depth]] = None
    holding = {tensor.container[depth] for tensor in fit.tensors.values() if len(tensor.container) > depth}
    return [key for key in found if key not in holding]


def _metadata(fit: FileFit, renaming: Renaming) -> "OrderedDict[str, Any]":
    """The versions of the file's modules, by their paths in the model."""
    depth, path = len(fit.chosen.path), fit.chosen.path
    found: OrderedDict[str, Any] = OrderedDict()
    for container in fit.catalog.containers:
        if container.path[:depth] == path:
            above = container.path[depth:]
            for at, noted in container.metadata.items():
                found[renaming.path(".".join([*above, at] if at else above))] = dict(noted)
    return found


def _used(transfers: Mapping[str, Transfer]) -> set[str]:
    return {key for transfer in transfers.values() for key in transfer.sources}


def _clashing(fit: FileFit) -> set[str]:
    """Keys of the file that have a place in the model, but another shape."""
    diagnosis = fit.diagnosis
    elsewhere = {key for transfer in diagnosis.transfers for key in transfer.sources}
    elsewhere |= {*diagnosis.unexpected, *(one.key for one in diagnosis.benign if one.side == "file")}
    return {entry.key for entry in fit.chosen.entries if entry.key not in elsewhere}


def _copy(
    model: nn.Module, entries: "OrderedDict[str, Any]", path: str, mapped: bool
) -> tuple[list[str] | None, set[str]]:
    """Load the entries; return the keys that the model itself says are missing, and those it did not expect.

    None for those missing where an overridden load_state_dict returns nothing.
    """
    taken = take_over(model, entries) if mapped else set()
    entries = with_versions(
        OrderedDict((key, entries[key]) for key in entries if key not in taken), versions_of(entries)
    )
    try:
        result = model.load_state_dict(entries, strict=False)
    except Exception as error:
        # Hooks, set_extra_state and overridden loading are the model's own code, which can raise anything.
        raise RequestError(f"{path} does not load into the model: {_reason(error)}") from error
    absent = getattr(result, "missing_keys", None)
    if absent is not None:
        absent = [key for key in absent if key not in taken]
    return absent, set(getattr(result, "unexpected_keys", ()))


def _told(
    path: str,
    fit: FileFit,
    transfers: Mapping[str, Transfer],
    handed: _Handed,
    absent: list[str] | None,
    unexpected: set[str],
    after: Mapping[str, Any],
) -> Load:
    # A model's own hooks may name keys otherwise when they load than when they save.
    taken = {key: transfer for key, transfer in transfers.items() if key not in unexpected}
    states = {name: key for name, key in handed.states.items() if name not in unexpected}
    mismatched = [one for one in fit.diagnosis.mismatched if one.key not in taken]
    settled = {*taken, *states, *(one.key for one in mismatched)}
    hooked = _taken_by_hooks(handed, unexpected, after, settled)
    sources = {
        key: transfer.sources for key, transfer in taken.items() if transfer.changes or transfer.sources != [key]
    }
    sources |= {name: [key] for name, key in (*hooked.items(), *states.items()) if name != key}
    is_only = len([one for one in fit.found if one.kind != "optimizer"]) == 1
    is_own = is_only and is_plain(fit.catalog, fit.chosen.path) and not any(key in sources for key in taken)
    filled = {*taken, *states, *hooked}
    settled |= filled
    guesses = {} if fit.diagnosis.refused else guessed(fit.diagnosis)
    open_guesses = {key: transfer for key, transfer in guesses.items() if key not in filled}
    gone = {*_used(taken), *_used(open_guesses), *states.values(), *hooked.values(), *_clashing(fit)}
    unlisted = {entry.key for entry in fit.chosen.entries if not entry.persistent}
    return Load(
        matched=len(filled),
        missing=[key for key in (after if absent is None else absent) if key not in settled and key not in guesses],
        unexpected=[key for key in (*fit.tensors, *_others(fit)) if key not in gone and key not in unlisted],
        mismatched=mismatched,
        coverage=_coverage(after, filled),
        rules=[
            *rules_about(fit.diagnosis, taken),
            *(LoadRule(kind="hook", from_=key, to=name, tensors=1, keys=[name]) for name, key in hooked.items()),
        ],
        sources=sources,
        ambiguous=list(open_guesses),
        doubts={key: doubt for key, doubt in doubts(fit.diagnosis).items() if key in open_guesses},
        container=".".join(fit.chosen.path),
        rivals=[".".join(one.path) for one in fit.rivals],
        refused=fit.diagnosis.refused,
        python="" if is_own else snippet(path, fit.catalog, fit.chosen.path, list(taken.values())),
    )


def _taken_by_hooks(
    handed: _Handed, unexpected: set[str], state: Mapping[str, Any], settled: Collection[str]
) -> dict[str, str]:
    """Where the values of old keys are now that a module's own load hook took, and these keys in the file."""
    taken: dict[str, str] = {}
    for name, key in handed.unknown.items():
        if name in unexpected:
            continue
        parent = name.rpartition(".")[0]
        for own, target in state.items():
            below = own.startswith(f"{parent}.") or not parent
            if below and own not in settled and own not in taken and _same_values(handed.entries[name], target):
                taken[own] = key
                break
    return taken


def _same_values(value: Tensor, target: Any) -> bool:
    if not isinstance(target, Tensor) or is_lazy(target) or target.shape != value.shape:
        return False
    return torch.equal(value.to(device=target.device, dtype=target.dtype), target.detach())


def _coverage(state: Mapping[str, Any], filled: set[str]) -> float:
    """Share of the elements of the distinct tensors that came from the file; 1 where there is nothing to fill."""
    sizes: dict[object, int] = {}
    reached: dict[object, int] = {}
    for key, value in state.items():
        if isinstance(value, Tensor) and not is_lazy(value):
            sizes[identity(value)] = value.numel()
            if key in filled:
                reached[identity(value)] = value.numel()
    total = sum(sizes.values())
    return sum(reached.values()) / total if total else 1.0


def _reason(error: Exception) -> str:
    """What went wrong with the first key, of torch's list of sentences on every key."""
    found = re.search(r'named "(.*?)".*?an exception occurred : \([\'"](.*?)[\'"],\)', str(error), re.DOTALL)
    return f"{found[1]}: {found[2]}" if found else first_line(error)
