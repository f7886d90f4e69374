"""Python that reads any checkpoint, as a user can paste it."""

from pathlib import Path

from inspector.files.catalog import Catalog

_OF_PROTOCOL = 2
"""The only one that ``weights_only`` reads."""
_RUNS = "# Runs what the file names, which is needed to read it this way: only where you trust it."


def reading(path: str, catalog: Catalog) -> list[str]:
    """The lines; afterwards ``file`` is what the checkpoint holds. `path` is as the user typed it."""
    place = _place(path, catalog)
    match catalog.format:
        case "safetensors":
            return ["from safetensors.torch import load_file", "", f"file = load_file({place!r})"]
        case "safetensors-index":
            return _of_index(place, catalog)
        case "shards":
            return _of_shards(place, catalog)
        case "torch-distributed":
            return _of_distributed(place)
        case "numpy-archive":
            read = f"file = {{key: torch.from_numpy(values) for key, values in np.load({place!r}).items()}}"
            return ["import numpy as np", "import torch", "", read]
        case "numpy":
            return ["import numpy as np", "import torch", "", f"file = torch.from_numpy(np.load({place!r}))"]
        case "gguf":
            return _of_gguf(place)
        case "torch-export":
            return ["import torch", "", f"file = torch.export.load({place!r}).state_dict"]
        case "torchscript":
            return ["import torch", "", f"file = torch.jit.load({place!r}, map_location='cpu')"]
    warning = [_RUNS] if runs(catalog) else []
    return ["import torch", "", *warning, f"file = {_torch_load(repr(place), catalog)}"]


def runs(catalog: Catalog) -> bool:
    """Whether torch reads the file only by running what it names: ``weights_only`` takes neither that nor old tars."""
    if catalog.format == "torch-tar":
        return True
    is_pickle = catalog.format in ("torch-zip", "torch-legacy", "safetensors-index", "shards")
    return is_pickle and bool(catalog.unsafe_globals or (catalog.protocol or 0) > _OF_PROTOCOL)


def _place(path: str, catalog: Catalog) -> str:
    """The file that was opened, where a folder was typed; without ``~``, which Python's own functions do not know."""
    typed = str(Path(path).expanduser()) if path.startswith("~") else path
    name = Path(catalog.path).name
    is_whole = catalog.format in ("shards", "torch-distributed")
    return str(Path(typed) / name) if not is_whole and Path(typed).is_dir() else typed


def _torch_load(place: str, catalog: Catalog) -> str:
    return f"torch.load({place}, map_location='cpu', weights_only={not runs(catalog)})"


def _of_index(place: str, catalog: Catalog) -> list[str]:
    names = "sorted(set(json.loads(index.read_text(encoding='utf-8'))['weight_map'].values()))"
    return [
        "import json",
        *_each_shard(f"index = Path({place!r})", f"{names}", "index.parent / name", catalog),
    ]


def _of_shards(place: str, catalog: Catalog) -> list[str]:
    return _each_shard(f"folder = Path({place!r})", repr(catalog.shards), "folder / name", catalog)


def _each_shard(opened: str, names: str, shard: str, catalog: Catalog) -> list[str]:
    is_safetensors = all(name.endswith(".safetensors") for name in catalog.shards)
    library = "from safetensors.torch import load_file" if is_safetensors else "import torch"
    read = f"load_file({shard})" if is_safetensors else _torch_load(shard, catalog)
    return [
        "from pathlib import Path",
        "",
        library,
        "",
        *([_RUNS] if runs(catalog) and not is_safetensors else []),
        opened,
        "file = {}",
        f"for name in {names}:",
        f"    file.update({read})",
    ]


def _of_distributed(place: str) -> list[str]:
    """What ``torch.distributed.checkpoint.format_utils.dcp_to_torch_save`` does, without its file."""
    folder = place if Path(place).name != ".metadata" else str(Path(place).parent)
    return [
        "from torch.distributed.checkpoint import FileSystemReader",
        "from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner",
        "from torch.distributed.checkpoint.state_dict_loader import _load_state_dict",
        "",
        "# torch reads .metadata with plain pickle, which runs what it names: only where you trust it.",
        "file = {}",
        f"reader = FileSystemReader({folder!r})",
        "_load_state_dict(file, storage_reader=reader, planner=_EmptyStateDictLoadPlanner(), no_dist=True)",
    ]


def _of_gguf(place: str) -> list[str]:
    return [
        "import torch",
        "from gguf import GGUFReader, dequantize  # pip install gguf",
        "",
        f"tensors = GGUFReader({place!r}).tensors",
        "file = {one.name: torch.from_numpy(dequantize(one.data, one.tensor_type).copy()) for one in tensors}",
    ]
