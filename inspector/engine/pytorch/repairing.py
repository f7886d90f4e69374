"""Why a file does not load into a model, what mends it, proven by a strict load without memory; and the mended file."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from inspector.core.errors import RequestError
from inspector.core.repair import Found, Harmless, Proposal, RepairReport, RepairSettings, Unsure
from inspector.engine.arrays import array_of
from inspector.engine.pytorch.constructor_guesses import better_arguments
from inspector.engine.pytorch.opening import Constructor
from inspector.engine.pytorch.places import holdings_of, identity, places_of
from inspector.engine.pytorch.saving import TORCH_SUFFIXES
from inspector.engine.pytorch.stand_ins import as_meta, stand_ins
from inspector.engine.pytorch.streamed_saving import versions_of, with_versions, write_torch
from inspector.engine.pytorch.structure import dtype_name
from inspector.engine.pytorch.untouched import untouched
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog
from inspector.files.catalog import Catalog, CatalogTensor
from inspector.files.matching import (
    LOSSLESS,
    LOSSY,
    Candidate,
    Diagnosis,
    Entry,
    Transfer,
    candidates,
    diagnose,
)
from inspector.files.repair_snippet import snippet
from inspector.files.values.reading import Array, read_tensor
from inspector.files.values.transferring import changed
from inspector.files.values.writing import Outgoing, write_safetensors
from inspector.files.writing import refuse_place, resolved, write_whole

Progress = Callable[[int, int | None, str], None]


def repair(
    model: nn.Module,
    settings: RepairSettings,
    progress: Progress,
    constructor: Constructor | None = None,
    allow_outside: bool = False,
) -> RepairReport:
    """Diagnose a file of weights for `model`, and write the mended state_dict where the settings name a place.

    It is written where the model takes it strictly and nothing in it is a guess; the settings may allow guesses, and
    the model's own values for what the file does not fill. Where the file does not fit, other arguments of the
    `constructor` are tried. Raises RequestError where the file cannot be read, holds no state_dict, or the output
    cannot be written.
    """
    path = user_path(settings.weights)
    catalog = open_catalog(path, allow_outside)
    target = _refuse_output(path, settings.output, settings.overwrite)
    allowed = LOSSLESS | _lossy(settings.allow)
    state = _state(model)
    entries = model_entries(model, state)
    progress(0, None, "aligning keys")
    found = candidates(catalog, entries, allowed)
    chosen = next((one for one in found if one.diagnosis is not None), None)
    if chosen is None or chosen.diagnosis is None:
        shown = f"`nninspect summary {settings.weights}` shows what it holds"
        raise RequestError(f"{settings.weights} holds no state_dict; {shown}")
    diagnosis = chosen.diagnosis
    sources = _sources(catalog, chosen)
    loads = diagnosis.loads and _loads_strictly(model, state, diagnosis, sources)
    report = _report(catalog, chosen, diagnosis, found, settings.weights, loads, state)
    if not loads and constructor is not None:
        progress(0, None, "trying other constructor arguments")
        keys = [entry.key for entry in chosen.entries], [entry.key for entry in entries]

        def fits(other: nn.Module) -> bool:
            return diagnose(chosen.entries, model_entries(other, _state(other)), allowed).loads

        report = replace(report, arguments=better_arguments(constructor, report, keys, fits))
    is_sure = settings.guess or not diagnosis.ambiguous
    fills = loads or (settings.partial and not diagnosis.refused)
    if target is None or settings.output is None or not (is_sure and fills):
        return report
    if loads and target.suffix == ".safetensors" and not _loads_strictly(model, state, diagnosis, sources, False):
        raise RequestError(
            f"{settings.output}: the model loads only what tells the versions of its modules, which safetensors does "
            "not hold; write a .pt file instead"
        )
    progress(0, None, f"writing {settings.output}")
    _write(target, settings.output, state, diagnosis, catalog, sources)
    return replace(report, written=settings.output)


def _state(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of the state_dict; with the versions of its modules, without which some models refuse to load."""
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


def _lossy(names: list[str]) -> frozenset[str]:
    unknown = sorted(set(names) - LOSSY - LOSSLESS)
    if unknown:
        raise RequestError(f"there is no rule {unknown[0]!r} to allow; the rules are {', '.join(sorted(LOSSY))}")
    return frozenset(names)


def _refuse_output(source: Path, output: str | None, overwrite: bool) -> Path | None:
    if output is None:
        return None
    target = resolved(user_path(output))
    suffix = target.suffix.lower()
    if suffix != ".safetensors" and suffix not in TORCH_SUFFIXES:
        kinds = f".safetensors, {', '.join(TORCH_SUFFIXES)}"
        raise RequestError(f"{output}: a state_dict is saved as {kinds}, not as {suffix or 'a file without a suffix'}")
    if target == resolved(source):
        raise RequestError(f"{output} is the file that is mended, which is never written over; name another")
    refuse_place(target, output, overwrite)
    return target


def _sources(catalog: Catalog, chosen: Candidate) -> dict[str, CatalogTensor]:
    """The file's tensors by the keys that the candidate's entries have."""
    depth = len(chosen.path)
    return {
        ".".join((*tensor.container[depth:], tensor.name)): tensor
        for tensor in catalog.tensors
        if tensor.container[:depth] == chosen.path
    }


def _loads_strictly(
    model: nn.Module,
    state: Mapping[str, Tensor],
    diagnosis: Diagnosis,
    sources: Mapping[str, CatalogTensor],
    versions: bool = True,
) -> bool:
    """Whether the model itself takes what the transfers make; what does not matter is taken from the model."""
    held = OrderedDict((key, as_meta(value)) for key, value in state.items() if not is_lazy(value))
    # A copy: torch notes in it that tensors are assigned, and a file with that note would be loaded so.
    made = with_versions(held, copy.deepcopy(versions_of(state)) if versions else None)
    with untouched(model) as modules, stand_ins(modules), torch.no_grad():
        try:
            for transfer in diagnosis.transfers:
                made[transfer.target] = _made_on_meta(transfer, sources)
            result = model.load_state_dict(made, strict=False, assign=True)
        except Exception:
            # Shapes that do not fit, and whatever a model's own way of loading raises.
            return False
    # What is no tensor, such as a module's extra state, is not the file's to give.
    return not result.unexpected_keys and not [key for key in result.missing_keys if key in state]


def _made_on_meta(transfer: Transfer, sources: Mapping[str, CatalogTensor]) -> Tensor:
    tensors = [
        torch.empty(sources[key].shape, dtype=getattr(torch, sources[key].dtype), device="meta")
        for key in transfer.sources
    ]
    for change in transfer.changes:
        match change.op:
            case "join":
                tensors = [torch.cat(tensors, change.axis or 0)]
            case "part":
                start, stop = change.start or 0, change.stop or 0
                tensors = [tensors[0].narrow(change.axis or 0, start, stop - start)]
            case "permute":
                tensors = [tensors[0].permute(change.axes)]
            case "reshape":
                tensors = [tensors[0].reshape(change.shape)]
            case "weight_norm":
                tensors = [torch.empty_like(tensors[1])]
    (made,) = tensors
    return made


def _unproven(state: Mapping[str, Tensor]) -> list[str]:
    lazy = [key for key, value in state.items() if is_lazy(value)]
    if not lazy:
        return []
    shown = ", ".join(lazy[:3]) + (" …" if len(lazy) > 3 else "")
    return [f"the model takes any shape for {shown}, which no pass has given one yet: there shapes prove nothing"]


def _report(
    catalog: Catalog,
    chosen: Candidate,
    diagnosis: Diagnosis,
    found: list[Candidate],
    weights: str,
    loads: bool,
    state: Mapping[str, Tensor],
) -> RepairReport:
    return RepairReport(
        loads=loads,
        verdict=diagnosis.verdict,
        container=".".join(chosen.path),
        coverage=diagnosis.coverage,
        matched=diagnosis.matched,
        rules=diagnosis.rules,
        missing=diagnosis.missing,
        unexpected=diagnosis.unexpected,
        mismatched=diagnosis.mismatched,
        ambiguous=[Unsure(model=one.model, candidates=one.candidates, why=one.why) for one in diagnosis.ambiguous],
        harmless=[Harmless(key=one.key, side=one.side, why=one.why) for one in diagnosis.benign],
        proposals=[
            Proposal(kind=one.kind, keys=one.keys, elements=one.elements, message=one.message)
            for one in diagnosis.partial
        ],
        stays_random=diagnosis.stays_random,
        notes=[*diagnosis.notes, *_unproven(state)],
        others=[
            Found(
                container=".".join(one.path),
                kind=one.kind,
                coverage=None if one.diagnosis is None else one.diagnosis.coverage,
            )
            for one in found
            if one is not chosen
        ],
        snippet=snippet(weights, catalog.format.startswith("safetensors"), chosen.path, diagnosis.transfers),
    )


def _write(
    target: Path,
    output: str,
    state: Mapping[str, Tensor],
    diagnosis: Diagnosis,
    catalog: Catalog,
    sources: Mapping[str, CatalogTensor],
) -> None:
    by_target = {transfer.target: transfer for transfer in diagnosis.transfers}
    outgoing = []
    for key, value in state.items():
        transfer = by_target.get(key)
        if transfer is not None:
            # Not the model's: a lazy one takes its shape from the file.
            shape = list(_made_on_meta(transfer, sources).shape)
            outgoing.append(_from_file(transfer, shape, catalog, sources))
        else:
            shape = [] if is_lazy(value) else list(value.shape)
            outgoing.append(Outgoing(key, shape, dtype_name(value.dtype), _values_of(value, key)))
    if target.suffix.lower() == ".safetensors":
        write_whole(target, output, lambda place: write_safetensors(place, outgoing, {"format": "pt"}))
    else:
        write_whole(target, output, lambda place: write_torch(place, outgoing, versions_of(state)))


def _from_file(
    transfer: Transfer, shape: list[int], catalog: Catalog, sources: Mapping[str, CatalogTensor]
) -> Outgoing:
    given = [sources[key] for key in transfer.sources]

    def values() -> Array:
        return changed([read_tensor(catalog, tensor) for tensor in given], transfer.changes)

    dtype = given[-1].dtype if len({tensor.dtype for tensor in given}) > 1 else given[0].dtype
    return Outgoing(transfer.target, shape, "complex64" if dtype == "complex32" else dtype, values)


def _values_of(tensor: Any, key: str) -> Callable[[], Array]:
    def values() -> Array:
        array = None if is_lazy(tensor) else array_of(tensor)
        if array is None:
            raise RequestError(f"{key} has no values in the model to stand for what the file lacks")
        return array

    return values
