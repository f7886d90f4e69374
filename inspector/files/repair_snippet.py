"""Python that makes a model's state_dict of a file's, as a user can paste it."""

from collections.abc import Sequence

from inspector.files.catalog import Catalog
from inspector.files.matching import Change, Transfer
from inspector.files.reading_snippet import reading, runs


def snippet(path: str, catalog: Catalog, container: Sequence[str], transfers: Sequence[Transfer]) -> str:
    """The lines; afterwards ``state`` is for ``model.load_state_dict(state, strict=False)``."""
    lines = [*reading(path, catalog), *_descended(catalog, container)]
    if _is_module(catalog, container):
        lines.append("file = file.state_dict()")
    elif _is_nested(catalog, container):
        lines += [*_FLAT, "file = dict(flat(file))"]
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
    if any(change.op == "join" for transfer in transfers for change in transfer.changes):
        lines = lines if "import torch" in lines else ["import torch", *lines]
    lines += [f"state[{transfer.target!r}] = {_expression(transfer)}" for transfer in transfers]
    return "\n".join(lines)


def is_plain(catalog: Catalog, container: Sequence[str]) -> bool:
    """Whether what torch reads safely of the file is the state_dict itself, or mappings around it."""
    kinds = ("safetensors", "torch-zip", "torch-legacy")
    return catalog.format in kinds and not (runs(catalog) or _is_module(catalog, container))


def _descended(catalog: Catalog, container: Sequence[str]) -> list[str]:
    numbered = {tuple(one.path) for one in catalog.containers if one.numbered}
    return [
        f"file = file[{int(part) if tuple(container[:depth]) in numbered and part.isdecimal() else part!r}]"
        for depth, part in enumerate(container)
    ]


_FLAT = [
    "",
    "",
    "def flat(nested, front=''):",
    "    for key, value in nested.items():",
    "        if isinstance(value, dict):",
    "            yield from flat(value, f'{front}{key}.')",
    "        else:",
    "            yield f'{front}{key}', value",
    "",
    "",
]


def _is_nested(catalog: Catalog, container: Sequence[str]) -> bool:
    """Whether tensors of the state_dict lie in mappings within it."""
    path = list(container)
    return any(
        tensor.container[: len(path)] == path and len(tensor.container) > len(path) for tensor in catalog.tensors
    )


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
