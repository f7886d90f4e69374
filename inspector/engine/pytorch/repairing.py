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
from inspector.core.load_notes import equal_containers
from inspector.core.repair import Found, Harmless, Proposal, RepairReport, RepairSettings, Unsure
from inspector.core.wording import things
from inspector.engine.arrays import array_of
from inspector.engine.pytorch.constructor_guesses import better_arguments
from inspector.engine.pytorch.file_fit import FileFit, fit_of, model_entries, state_tensors
from inspector.engine.pytorch.opening import Constructor
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
    Diagnosis,
    Transfer,
    diagnose,
)
from inspector.files.repair_snippet import snippet
from inspector.files.sources import refuse_source
from inspector.files.values.reading import Array, DamagedValuesError, read_tensor
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
    target = _refuse_output(catalog, path, settings.output, settings.overwrite)
    allowed = LOSSLESS | _lossy(settings.allow)
    state = state_tensors(model)
    entries = model_entries(model, state)
    progress(0, None, "aligning keys")
    fit = fit_of(catalog, entries, settings.weights, allowed, settings.container)
    diagnosis = fit.diagnosis
    unreadable = _unreadable(fit)
    if unreadable and target is not None:
        raise RequestError(unreadable)
    loads = not unreadable and diagnosis.loads and _loads_strictly(model, state, diagnosis, fit.tensors)
    report = _report(fit, settings.weights, loads, state)
    if unreadable:
        return replace(report, verdict=f"it does not load: {unreadable}")
    if not loads and constructor is not None:
        progress(0, None, "trying other constructor arguments")
        keys = [entry.key for entry in fit.chosen.entries], [entry.key for entry in entries]

        def fits(other: nn.Module) -> bool:
            return diagnose(fit.chosen.entries, model_entries(other, state_tensors(other)), allowed).loads

        report = replace(report, arguments=better_arguments(constructor, report, keys, fits))
    is_sure = settings.guess or not diagnosis.ambiguous
    fills = loads or (settings.partial and not diagnosis.refused)
    if target is None or settings.output is None or not (is_sure and fills):
        return report
    if loads and target.suffix == ".safetensors" and not _loads_strictly(model, state, diagnosis, fit.tensors, False):
        raise RequestError(
            f"{settings.output}: the model loads only what tells the versions of its modules, which safetensors does "
            "not hold; write a .pt file instead"
        )
    progress(0, None, f"writing {settings.output}")
    _write(target, settings.output, state, fit)
    return replace(report, written=settings.output)


def _unreadable(fit: FileFit) -> str:
    """Why values that the model is to take cannot be read, of the first such tensor; "" where all can."""
    for key in dict.fromkeys(key for transfer in fit.diagnosis.transfers for key in transfer.sources):
        tensor = fit.tensors[key]
        # Pieces are put together in memory; the catalog has held each against its file.
        if tensor.file is not None and not tensor.pieces:
            try:
                read_tensor(fit.catalog, tensor)
            except DamagedValuesError as problem:
                return str(problem)
            except RequestError:
                # Kept in a way that is not mapped, which says nothing of the file.
                continue
    return ""


def _lossy(names: list[str]) -> frozenset[str]:
    unknown = sorted(set(names) - LOSSY - LOSSLESS)
    if unknown:
        raise RequestError(f"there is no rule {unknown[0]!r} to allow; the rules are {', '.join(sorted(LOSSY))}")
    return frozenset(names)


def _refuse_output(catalog: Catalog, source: Path, output: str | None, overwrite: bool) -> Path | None:
    if output is None:
        return None
    target = resolved(user_path(output))
    suffix = target.suffix.lower()
    if suffix != ".safetensors" and suffix not in TORCH_SUFFIXES:
        kinds = f".safetensors, {', '.join(TORCH_SUFFIXES)}"
        raise RequestError(f"{output}: a state_dict is saved as {kinds}, not as {suffix or 'a file without a suffix'}")
    refuse_source(catalog, source, target, output)
    refuse_place(target, output, overwrite)
    return target


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
    given = [sources[key] for key in transfer.sources]
    tensors = [torch.empty(tensor.shape, dtype=_dtype(tensor), device="meta") for tensor in given]
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


def _dtype(tensor: CatalogTensor) -> torch.dtype:
    found = getattr(torch, tensor.dtype, None)
    if not isinstance(found, torch.dtype):
        raise RequestError(f"{tensor.key} is {tensor.dtype}, which torch lacks; convert the file first")
    return found


def _unproven(state: Mapping[str, Tensor]) -> list[str]:
    lazy = [key for key, value in state.items() if is_lazy(value)]
    if not lazy:
        return []
    shown = ", ".join(lazy[:3]) + (" …" if len(lazy) > 3 else "")
    return [f"the model takes any shape for {shown}, which no pass has given one yet: there shapes prove nothing"]


def _report(fit: FileFit, weights: str, loads: bool, state: Mapping[str, Tensor]) -> RepairReport:
    chosen, diagnosis = fit.chosen, fit.diagnosis
    refused = "the names and shapes fit, but the model's own strict load refuses them"
    return RepairReport(
        loads=loads,
        verdict=refused if diagnosis.loads and not loads else diagnosis.verdict,
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
            Proposal(
                kind=one.kind,
                keys=one.keys,
                elements=one.elements,
                message=one.message,
                rule=one.kind if one.kind in LOSSY else "",
            )
            for one in diagnosis.partial
        ],
        stays_random=diagnosis.stays_random,
        notes=[*_rivals(fit), *diagnosis.notes, *_kept_dtypes(diagnosis), *_unproven(state)],
        others=[
            Found(
                container=".".join(one.path),
                kind=one.kind,
                coverage=None if one.diagnosis is None else one.diagnosis.coverage,
            )
            for one in fit.found
            if one.path != chosen.path
        ],
        snippet=snippet(weights, fit.catalog, chosen.path, diagnosis.transfers),
    )


def _kept_dtypes(diagnosis: Diagnosis) -> list[str]:
    return [
        f"{things(rule.tensors, 'tensor')} kept as {rule.from_}, as in the file; "
        f"load_state_dict casts them to {rule.to}"
        for rule in diagnosis.rules
        if rule.kind == "cast"
    ]


def _rivals(fit: FileFit) -> list[str]:
    return (
        [equal_containers(".".join(fit.chosen.path), [".".join(one.path) for one in fit.rivals])] if fit.rivals else []
    )


def _write(target: Path, output: str, state: Mapping[str, Tensor], fit: FileFit) -> None:
    by_target = {transfer.target: transfer for transfer in fit.diagnosis.transfers}
    outgoing = []
    for key, value in state.items():
        transfer = by_target.get(key)
        if transfer is not None:
            # Not the model's: a lazy one takes its shape from the file.
            shape = list(_made_on_meta(transfer, fit.tensors).shape)
            outgoing.append(_from_file(transfer, shape, fit))
        else:
            shape = [] if is_lazy(value) else list(value.shape)
            outgoing.append(Outgoing(key, shape, dtype_name(value.dtype), _values_of(value, key)))
    if target.suffix.lower() == ".safetensors":
        write_whole(target, output, lambda place: write_safetensors(place, outgoing, {"format": "pt"}))
    else:
        write_whole(target, output, lambda place: write_torch(place, outgoing, versions_of(state)))


def _from_file(transfer: Transfer, shape: list[int], fit: FileFit) -> Outgoing:
    given = [fit.tensors[key] for key in transfer.sources]

    def values() -> Array:
        return changed([read_tensor(fit.catalog, tensor) for tensor in given], transfer.changes)

    dtype = given[-1].dtype if len({tensor.dtype for tensor in given}) > 1 else given[0].dtype
    return Outgoing(transfer.target, shape, "complex64" if dtype == "complex32" else dtype, values)


def _values_of(tensor: Any, key: str) -> Callable[[], Array]:
    def values() -> Array:
        array = None if is_lazy(tensor) else array_of(tensor)
        if array is None:
            raise RequestError(f"{key} has no values in the model to stand for what the file lacks")
        return array

    return values
