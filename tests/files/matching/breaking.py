"""Twelve and more ways of making a file's keys and shapes differ from its model's, each telling what became of what."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from inspector.files.matching import Diagnosis, Entry
from inspector.files.matching.tree import WRAPPERS

WORDS = ("trunk", "alpha", "stem_part", "coder", "mixing", "zebra", "inner_net", "tower", "kappa", "quartz")
TRIOS = (("q", "k", "v"), ("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("to_q", "to_k", "to_v"))
FUSED = ("qkv", "in_proj", "c_attn", "Wqkv")


@dataclass(frozen=True)
class Tensor:
    """One tensor of the broken file, and what of the model it holds: (key, which part of it)."""

    key: str
    shape: tuple[int, ...] | None
    dtype: str
    identity: str | None
    holds: tuple[tuple[str, int], ...]


Broken = list[Tensor]


def unbroken(model: Iterable[Entry]) -> Broken:
    return [Tensor(e.key, e.shape, e.dtype, e.identity, ((e.key, 0),)) for e in model]


def as_entries(broken: Broken) -> list[Entry]:
    return [Entry(key=t.key, shape=t.shape, dtype=t.dtype, identity=t.identity) for t in broken]


def expected(broken: Broken) -> dict[str, list[str]]:
    """Key of the model → the keys of the file that hold it, in order."""
    held: dict[str, list[tuple[int, str]]] = {}
    for tensor in broken:
        for key, part in tensor.holds:
            held.setdefault(key, []).append((part, tensor.key))
    return {key: list(dict.fromkeys(source for _, source in sorted(parts))) for key, parts in held.items()}


def wrong(diagnosis: Diagnosis, broken: Broken, model: Iterable[Entry]) -> dict[str, tuple[list[str], list[str]]]:
    """Keys of the model that came from elsewhere, or from nowhere, without that being said to be ambiguous."""
    candidates: dict[str, set[str]] = {}
    for one in diagnosis.ambiguous:
        for key in one.model:
            candidates.setdefault(key, set()).update(one.candidates)
    found = {transfer.target: transfer.sources for transfer in diagnosis.transfers}
    identity = {entry.key: entry.identity for entry in model}
    held = expected(broken)
    same_memory: dict[str | None, list[list[str]]] = {}
    for key, sources in held.items():
        same_memory.setdefault(identity[key], []).append(sources)
    return {
        key: (found.get(key, []), held.get(key, []))
        for key in identity
        if found.get(key, []) not in (same_memory.get(identity[key], [[]]) if identity[key] else [held.get(key, [])])
        and not set(held.get(key, [])) & candidates.get(key, set())
        and not _does_not_matter(key, diagnosis)
    }


def _does_not_matter(key: str, diagnosis: Diagnosis) -> bool:
    return any(one.key == key and one.side == "model" for one in diagnosis.benign)


def wrapper_in_front(broken: Broken, random: Random) -> Broken:
    return _renamed(broken, lambda key: f"{token}.{key}") if (token := random.choice(WRAPPERS)) else broken


def wrapper_inside(broken: Broken, random: Random) -> Broken:
    prefix = random.choice(_prefixes(broken))
    token = random.choice(WRAPPERS)
    return _renamed(broken, lambda key: f"{prefix}{token}.{key[len(prefix) :]}" if key.startswith(prefix) else key)


def prefix_added(broken: Broken, random: Random) -> Broken:
    word = _new_word(broken, random)
    return _renamed(broken, lambda key: f"{word}.{key}")


def prefix_removed(broken: Broken, random: Random) -> Broken:
    first = random.choice([tensor.key.partition(".")[0] for tensor in broken])
    return _renamed(broken, lambda key: key.removeprefix(f"{first}.") if not key[len(first) + 1 :].isdigit() else key)


def prefix_renamed(broken: Broken, random: Random) -> Broken:
    firsts = [tensor.key.partition(".")[0] for tensor in broken if "." in tensor.key]
    if not firsts:
        return broken
    first, word = random.choice(firsts), _new_word(broken, random)
    return _renamed(broken, lambda key: f"{word}.{key.removeprefix(f'{first}.')}" if _begins(key, first) else key)


def index_shifted(broken: Broken, random: Random) -> Broken:
    parents = {prefix for prefix in _prefixes(broken) if _has_index(broken, prefix)}
    if not parents:
        return broken
    parent = random.choice(sorted(parents))
    below = re.compile(rf"^{re.escape(parent)}(\d+)(\..*)$")
    indices = sorted({int(found[1]) for t in broken if (found := below.match(t.key))})
    first, by = random.choice(indices), random.choice((1, 1, 2, 3))

    def moved(key: str) -> str:
        found = below.match(key)
        return f"{parent}{int(found[1]) + by}{found[2]}" if found and int(found[1]) >= first else key

    return _renamed(broken, moved)


def part_renamed(broken: Broken, random: Random) -> Broken:
    """One module, or the modules at the same place in every block; which of three is the query, only its name tells."""
    told_by_name = {*FUSED, *(name for trio in TRIOS for name in trio)}
    names = {p: p[:-1].rpartition(".")[2] for p in _prefixes(broken) if p}
    paths = [p for p, name in names.items() if not name.isdigit() and name not in told_by_name]
    if not paths:
        return broken
    path, word = random.choice(paths), _new_word(broken, random)
    front, _, name = path[:-1].rpartition(".")
    pattern = re.escape(f"{front}." if front else "")
    if random.random() < 0.6:
        pattern = re.sub(r"(?<![^.])\d+(?=\\\.)", r"\\d+", pattern)
    where = re.compile(rf"^({pattern}){re.escape(name)}\.")
    return _renamed(broken, lambda key: where.sub(lambda found: f"{found[1]}{word}.", key))


def leaves_renamed(broken: Broken, random: Random) -> Broken:
    """In every module, or in those with a one-dimensional weight (norms)."""
    norms = {t.key[: -len("weight")] for t in broken if t.key.endswith("weight") and len(t.shape or ()) == 1}
    spelling = random.choice(
        (
            {"weight": "gamma", "bias": "beta"},
            {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"},
            {"weight": "w", "bias": "b"},
            {"weight": "kernel"},
        )
    )
    everywhere = "gamma" not in spelling.values()

    def renamed(key: str) -> str:
        front, dot, name = key.rpartition(".")
        return f"{front}{dot}{spelling.get(name, name)}" if everywhere or f"{front}{dot}" in norms else key

    return _renamed(broken, renamed)


def transposed(broken: Broken, random: Random) -> Broken:
    share = random.choice((0.3, 1.0))
    return [
        replace(t, shape=t.shape[::-1])
        if t.shape and len(t.shape) == 2 and t.shape[0] != t.shape[1] and random.random() < share
        else t
        for t in broken
    ]


def one_by_one(broken: Broken, random: Random) -> Broken:
    """1×1 convolutions become linear, or linear layers 1×1 convolutions."""
    to_linear = random.random() < 0.5

    def changed(tensor: Tensor) -> Tensor:
        shape = tensor.shape or ()
        if to_linear and len(shape) == 4 and shape[2:] == (1, 1):
            return replace(tensor, shape=shape[:2])
        if not to_linear and len(shape) == 2 and tensor.key.endswith("weight"):
            return replace(tensor, shape=(*shape, 1, 1))
        return tensor

    return [changed(tensor) for tensor in broken]


def attention_split(broken: Broken, random: Random) -> Broken:
    names = random.choice(TRIOS)
    fused = re.compile(r"^(.*\.|)(?:in_proj_|(?:qkv|in_proj|c_attn|Wqkv)\.)(weight|bias)$")
    whole = {
        found[1]
        for t in broken
        if (found := fused.match(t.key)) and found[2] == "weight" and t.shape and len(t.shape) == 2
        if t.shape[0] == 3 * t.shape[1]
    }
    split = []
    for t in broken:
        place = fused.match(t.key)
        if not place or place[1] not in whole or not t.shape:
            split.append(t)
            continue
        shape = (t.shape[0] // 3, *t.shape[1:])
        for at, name in enumerate(names):
            holds = t.holds[at : at + 1] if len(t.holds) == 3 else ((t.holds[0][0], 3 * t.holds[0][1] + at),)
            split.append(Tensor(f"{place[1]}{name}.{place[2]}", shape, t.dtype, None, holds))
    return _if_distinct(split, broken)


def attention_fused(broken: Broken, random: Random) -> Broken:
    by_key = {t.key: t for t in broken}
    name = random.choice(FUSED)
    fused, gone = [], set()
    for t in broken:
        place = re.match(r"^(.*\.|)(q|q_proj|query|to_q)\.(weight|bias)$", t.key)
        trio = next((one for one in TRIOS if place and one[0] == place[2]), ())
        parts = [by_key.get(f"{place[1]}{each}.{place[3]}") for each in trio if place]
        weights = [by_key.get(f"{place[1]}{each}.weight") for each in trio if place]
        if (
            not place
            or None in parts
            or not all(w and w.shape and len({*w.shape}) == 1 == len(w.shape) - 1 for w in weights)
        ):
            fused.append(t)
            continue
        shape = (3 * (t.shape or (0,))[0], *(t.shape or ())[1:])
        holds = tuple(hold for part in parts if part for hold in part.holds)
        fused.append(Tensor(f"{place[1]}{name}.{place[3]}", shape, t.dtype, None, holds))
        gone.update(part.key for part in parts if part)
    return _if_distinct([t for t in fused if t.key not in gone], broken)


def norms_spelled(broken: Broken, random: Random) -> Broken:
    """Weight norm and spectral norm in the other of their two spellings."""
    old_to_new = (
        (r"weight_g$", "parametrizations.weight.original0"),
        (r"weight_orig$", "parametrizations.weight.original"),
        (r"weight_u$", "parametrizations.weight.0._u"),
    )
    new_to_old = (
        (r"parametrizations\.weight\.original0$", "weight_g"),
        (r"parametrizations\.weight\.original1$", "weight_v"),
        (r"parametrizations\.weight\.original$", "weight_orig"),
        (r"parametrizations\.weight\.0\._u$", "weight_u"),
        (r"parametrizations\.weight\.0\._v$", "weight_v"),
    )
    keys = {t.key for t in broken}
    to_new = any(key.endswith(("weight_g", "weight_orig")) for key in keys)

    def spelled(key: str) -> str:
        if to_new and key.endswith("weight_v"):
            spectral = key.removesuffix("_v") + "_orig" in keys
            return key.removesuffix("weight_v") + f"parametrizations.weight.{'0._v' if spectral else 'original1'}"
        for pattern, other in old_to_new if to_new else new_to_old:
            if re.search(rf"(^|\.){pattern}", key):
                return re.sub(pattern, other, key)
        return key

    return _renamed(broken, spelled)


def twin_dropped(broken: Broken, random: Random) -> Broken:
    counts: dict[str | None, int] = {}
    for tensor in broken:
        counts[tensor.identity] = counts.get(tensor.identity, 0) + 1
    twins = [t for t in broken if t.identity and counts[t.identity] > 1]
    if not twins:
        return broken
    gone = random.choice(twins)
    return [t for t in broken if t is not gone]


def cast(broken: Broken, random: Random) -> Broken:
    dtype = random.choice(("float16", "bfloat16", "float64"))
    return [replace(t, dtype=dtype) if t.dtype == "float32" else t for t in broken]


def counters_dropped(broken: Broken, random: Random) -> Broken:
    return [t for t in broken if not t.key.endswith("num_batches_tracked")]


def sorted_by_name(broken: Broken, random: Random) -> Broken:
    """As safetensors writes a file."""
    return sorted(broken, key=lambda t: t.key)


WAYS: tuple[Callable[[Broken, Random], Broken], ...] = (
    wrapper_in_front, wrapper_inside, prefix_added, prefix_removed, prefix_renamed, index_shifted, part_renamed,
    leaves_renamed, transposed, one_by_one, attention_split, attention_fused, norms_spelled, twin_dropped, cast,
    counters_dropped, sorted_by_name,
)  # fmt: skip


def _renamed(broken: Broken, rename: Callable[[str], str]) -> Broken:
    return _if_distinct([replace(t, key=rename(t.key)) for t in broken], broken)


def _if_distinct(found: Broken, broken: Broken) -> Broken:
    """A way that would make two keys the same, or a tensor stand where a module does, is not taken."""
    keys = {t.key for t in found}
    modules = {prefix[:-1] for prefix in _prefixes(found) if prefix}
    return found if len(keys) == len(found) and not keys & modules else broken


def _prefixes(broken: Broken) -> list[str]:
    found = {""}
    for tensor in broken:
        parts = tensor.key.split(".")
        if "parametrizations" in parts:
            parts = parts[: parts.index("parametrizations") + 1]
        found.update("".join(f"{part}." for part in parts[:length]) for length in range(1, len(parts)))
    return sorted(found)


def _new_word(broken: Broken, random: Random) -> str:
    used = {part for tensor in broken for part in tensor.key.split(".")}
    return random.choice([word for word in (*WORDS, *(f"{w}_x" for w in WORDS)) if word not in used])


def _has_index(broken: Broken, prefix: str) -> bool:
    return any(re.match(rf"{re.escape(prefix)}\d+\.", tensor.key) for tensor in broken)


def _begins(key: str, first: str) -> bool:
    return key.startswith(f"{first}.")
