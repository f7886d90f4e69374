"""Python that makes a model's state_dict of a file's, as a user can paste it."""

from collections.abc import Sequence

from inspector.files.catalog import Catalog
from inspector.files.matching import Change, Transfer

_OF_PROTOCOL = 2
"""The only one that ``weights_only`` reads."""


def snippet(path: str, catalog: Catalog, container: Sequence[str], transfers: Sequence[Transfer]) -> str:
    """The lines; afterwards ``state`` is for ``model.load_state_dict(state, strict=False)``."""
    is_safetensors = catalog.format.startswith("safetensors")
    lines = [*_opened(path, catalog), *(f"file = file[{part!r}]" for part in container)]
    if _is_module(catalog, container):
        lines.append("file = file.state_dict()")
    prefix = _one_prefix(transfers)
    if prefix is not None:
        given, wanted = prefix
        if not given and not wanted:
            lines.append("state = dict(file)")
        else:
            start = f"{wanted!r} + " if wanted else ""
            condition = f" if key.startswith({given!r})" if given else ""
            name = f"key.removeprefix({given!r})" if given else "key"
            lines.append(f"state = {{{start}{name}: value for key, value in file.items(){condition}}}")
        return "\n".join(lines)
    lines.append("state = {}")
    if any(change.op == "join" for transfer in transfers for change in transfer.changes) and is_safetensors:
        lines.insert(0, "import torch")
    lines += [f"state[{transfer.target!r}] = {_expression(transfer)}" for transfer in transfers]
    return "\n".join(lines)


def is_plain(catalog: Catalog, container: Sequence[str]) -> bool:
    """Whether what torch reads safely of the file is the state_dict itself, or mappings around it."""
    kinds = ("torchscript", "torch-export")
    return catalog.format not in kinds and not (_runs(catalog) or _is_module(catalog, container))


def _opened(path: str, catalog: Catalog) -> list[str]:
    if catalog.format.startswith("safetensors"):
        return ["from safetensors.torch import load_file", "", f"file = load_file({path!r})"]
    if catalog.format == "torch-export":
        return ["import torch", "", f"file = torch.export.load({path!r}).state_dict"]
    if catalog.format == "torchscript":
        return ["import torch", "", f"file = torch.jit.load({path!r}, map_location='cpu')"]
    if _runs(catalog):
        warning = "# Runs what the file names, which is needed to read it this way: only where you trust it."
        return ["import torch", "", warning, f"file = torch.load({path!r}, map_location='cpu', weights_only=False)"]
    return ["import torch", "", f"file = torch.load({path!r}, map_location='cpu', weights_only=True)"]


def _runs(catalog: Catalog) -> bool:
    is_pickle = catalog.format in ("torch-zip", "torch-legacy", "torch-tar")
    return is_pickle and bool(catalog.unsafe_globals or (catalog.protocol or 0) > _OF_PROTOCOL)


def _is_module(catalog: Catalog, container: Sequence[str]) -> bool:
    return catalog.root == "module" or any(module.container == list(container) for module in catalog.modules)


def _one_prefix(transfers: Sequence[Transfer]) -> tuple[str, str] | None:
    """(prefix of the file's keys, prefix of the model's) where that is all that differs."""
    if not transfers or any(transfer.changes or len(transfer.sources) != 1 for transfer in transfers):
        return None
    source, target = transfers[0].sources[0], transfers[0].target
    common = 0
    while common < min(len(source), len(target)) and source[-1 - common] == target[-1 - common]:
        common += 1
    given, wanted = source[: len(source) - common], target[: len(target) - common]
    fits = all(wanted + transfer.sources[0].removeprefix(given) == transfer.target for transfer in transfers)
    started = all(transfer.sources[0].startswith(given) for transfer in transfers)
    return (given, wanted) if fits and started and len({t.sources[0] for t in transfers}) == len(transfers) else None


def _expression(transfer: Transfer) -> str:
    values = [f"file[{source!r}]" for source in transfer.sources]
    for change in transfer.changes:
        values = [_changed(values, change)]
    return values[0]


def _changed(values: list[str], change: Change) -> str:
    match change.op:
        case "join":
            return f"torch.cat([{', '.join(values)}], {change.axis or 0})"
        case "part":
            before = ":, " * (change.axis or 0)
            return f"{values[0]}[{before}{change.start}:{change.stop}]"
        case "permute":
            return f"{values[0]}.permute({', '.join(map(str, change.axes))})"
        case "reshape":
            return f"{values[0]}.reshape({', '.join(map(str, change.shape)) or '()'})"
    g, v = values
    if change.axis is None:
        return f"{g} * {v} / {v}.norm()"
    return f"{g} * {v} / {v}.norm(dim=[a for a in range({v}.ndim) if a != {change.axis}], keepdim=True)"
