"""Zip archives: which of the formats that are one lies inside."""

from importlib import import_module
from pathlib import Path

from inspector.core.errors import RequestError
from inspector.files.catalog import Catalog
from inspector.files.zip_directory import SIGNATURES, BrokenZipError, ZipDirectory, read_directory

ARCHIVES = ("torch_zip", "torch_export", "numpy_archive")
"""Formats in a zip archive, each a module with `sniff` and `open` of its directory."""


def sniff(head: bytes, path: Path) -> bool:
    """Whether the file begins as a zip archive."""
    return head.startswith(SIGNATURES)


def open(path: Path) -> Catalog:
    """Read the catalog of the archive; raises RequestError where it is cut off, encrypted or of no known format."""
    size = path.stat().st_size
    try:
        directory = read_directory(path)
        modules = (import_module(f"inspector.files.{name}") for name in ARCHIVES)
        found = next((module for module in modules if module.sniff(directory)), None)
        if found is not None:
            catalog: Catalog = found.open(directory)
            return catalog
    except BrokenZipError as error:
        if "encrypted" in str(error):
            raise RequestError(f"{path} is an encrypted zip archive ({error}): unpack it with its password") from error
        raise RequestError(
            f"{path} begins as a zip archive but its end is missing or damaged ({size:,} bytes are here; {error}): "
            "the download or copy was cut off; fetch the file again"
        ) from error
    raise RequestError(_no_checkpoint(path, directory))


def _no_checkpoint(path: Path, directory: ZipDirectory) -> str:
    names = list(directory.members)
    leaves = {name.rpartition("/")[2] for name in names}
    if {"config.json", "metadata.json"} <= leaves and any(name.endswith(".h5") for name in names):
        return f"{path} is a Keras model, not a PyTorch checkpoint; convert its weights with Keras, for example to .npz"
    if "[Content_Types].xml" in leaves:
        return f"{path} is an Office document, not a checkpoint; check that it is the right file"
    inside = [
        name for name in names if name.endswith((".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".npy", ".gguf"))
    ]
    if inside:
        return f"{path} is a zip archive with {inside[0]} in it; unpack it and open what is inside"
    shown = ", ".join(names[:3]) or "nothing"
    return f"{path} is a zip archive but not a PyTorch checkpoint: it holds {shown}, and no data.pkl"
