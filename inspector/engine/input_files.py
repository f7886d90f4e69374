"""Values for inputs that lie in files: NumPy's arrays, `TensorProto`s, tensors of torch.save, images."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from inspector.core.errors import RequestError
from inspector.engine.arrays import Array, tensor_of
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog

if TYPE_CHECKING:
    import onnx

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
ARRAY_SUFFIXES = (".npy", ".npz")
T = TypeVar("T")


def read_input(file: str, typed: str = "--input @") -> torch.Tensor:
    """The tensor in a `.pt`, `.npy`, `.npz`, `.pb` (a `TensorProto`) or image file.

    An image becomes (1, channels, height, width) in [0, 1].
    Raises RequestError naming the file where it is missing, of another kind, or broken.
    """
    return read_file(file, _tensor_in, typed)


def read_file(file: str, read: Callable[[Path], T], typed: str = "--input @") -> T:
    """What `read` makes of the file that is typed after `typed`.

    A sentence that `read` raises as RequestError begins with the file. Raises RequestError naming the file where it is
    missing, of another kind, or broken.
    """
    path = user_path(file)
    if path.is_dir():
        raise RequestError(f"{typed}{file} is a folder; name a file in it")
    if not path.is_file():
        raise RequestError(f"{typed}{file}: there is no such file")
    try:
        return read(path)
    except RequestError as problem:
        raise RequestError(f"{typed}{problem}") from None
    except Exception as problem:  # each library that reads has errors of its own
        reason = (str(problem).splitlines() or [""])[0] or type(problem).__name__
        raise RequestError(f"{typed}{file} cannot be read: {type(problem).__name__}: {reason}") from None


def array_in(path: Path, name: str = "") -> Array:
    """The array in a `.npy` file; the one of that name, or the only one, in a `.npz` archive."""
    import numpy

    array: Array
    if path.suffix.lower() == ".npy":
        array = numpy.load(path, allow_pickle=False)
        return array
    with numpy.load(path, allow_pickle=False) as archive:
        names = archive.files
        if name not in names and len(names) != 1:
            wanted = f"and none is named {name!r}" if name else "not one"
            raise RequestError(f"{path} holds {len(names)} arrays, {wanted}; save the array alone")
        array = archive[name if name in names else names[0]]
    return array


def array_of_proto(proto: "onnx.TensorProto", path: Path) -> Array:
    """The values of a serialised `TensorProto`, as the test data beside ONNX models is."""
    import onnx

    if proto.data_location == onnx.TensorProto.EXTERNAL:
        raise RequestError(f"{path} keeps its values in yet another file, which is not opened; save them in this one")
    return onnx.numpy_helper.to_array(proto)


def _tensor_in(path: Path) -> torch.Tensor:
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return tensor_of(array_in(path))
    if suffix == ".pb":
        import onnx

        return tensor_of(array_of_proto(onnx.TensorProto.FromString(path.read_bytes()), path))
    return _image_in(path) if suffix in IMAGE_SUFFIXES else _saved_in(path)


def _saved_in(path: Path) -> torch.Tensor:
    """The one tensor of a file of torch.save; what else it is, its catalog tells."""
    catalog = open_catalog(path)
    if catalog.root != "tensor":
        named = catalog.root == "mapping" and catalog.tensors
        held = f"{len(catalog.tensors)} tensors by name" if named else f"a {catalog.root_type}"
        raise RequestError(f"{path} holds {held}, not one tensor; save the tensor alone")
    # As a stream: by a path, torch goes by how the file is named.
    with path.open("rb") as stream:
        value: torch.Tensor = torch.load(stream, weights_only=True, map_location="cpu")
    return value


def _image_in(path: Path) -> torch.Tensor:
    try:
        from PIL import Image
    except ImportError:
        raise RequestError(f"{path} is an image, which takes Pillow to read: pip install pillow") from None
    import numpy

    with Image.open(path) as image:
        pixels = numpy.asarray(image.convert("L" if image.mode in ("L", "1", "I;16") else "RGB")).copy()
    tensor = torch.from_numpy(pixels).float() / 255
    return (tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1))[None]


def write_input(value: object, file: Path) -> bool:
    """Write a tensor or an array so that `read_input` gives it back; False for anything else."""
    import numpy

    if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufcV":
        value = tensor_of(value)
    if not isinstance(value, torch.Tensor):
        return False
    torch.save(value.detach().cpu().clone(), file)
    return True
