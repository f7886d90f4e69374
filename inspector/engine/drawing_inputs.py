"""Input values from specs: drawn with a generator of their own, or read from a file."""

from pathlib import Path

import torch

from inspector.core.errors import RequestError
from inspector.core.recipe import InputSpec
from inspector.engine.arrays import Array, tensor_of
from inspector.engine.user_paths import user_path
from inspector.files import open_catalog

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def draw_inputs(specs: list[InputSpec], seed: int) -> list[torch.Tensor]:
    """Values for every spec, on the CPU; the same seed gives the same values, the global random state is untouched.

    Raises RequestError where a spec's distribution does not fit its dtype or its file cannot be read.
    """
    generator = torch.Generator().manual_seed(seed)
    return [read_input(spec.file) if spec.file is not None else draw_input(spec, generator) for spec in specs]


def dtype_of(spec: InputSpec) -> torch.dtype:
    """The torch dtype a spec names. Raises RequestError where torch has none of that name."""
    dtype = getattr(torch, spec.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise RequestError(f"--input {spec}: torch has no {spec.dtype}; choose another dtype")
    return dtype


def draw_input(spec: InputSpec, generator: torch.Generator) -> torch.Tensor:
    """Values for one spec that names a shape. Raises RequestError as `draw_inputs`."""
    shape, dtype = spec.shape or [], dtype_of(spec)
    try:
        return _values(spec, shape, dtype, generator)
    except RuntimeError as problem:
        raise RequestError(f"--input {spec}: this input cannot be made: {str(problem).splitlines()[0]}") from None


def _values(spec: InputSpec, shape: list[int], dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    if spec.distribution == "zeros":
        return torch.zeros(shape, dtype=dtype)
    if spec.distribution == "ones":
        return torch.ones(shape, dtype=dtype)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator)
    if not dtype.is_floating_point:
        # Without a range, 0 and 1 are the only values that no table of indices is too small for.
        low, high = (int(spec.low or 0), int(spec.high or 0)) if spec.distribution == "range" else (0, 2)
        limits = torch.iinfo(dtype)
        if low < limits.min or high - 1 > limits.max:
            holds = f"{spec.dtype} holds {limits.min} to {limits.max} only"
            raise RequestError(f"--input {spec}: {holds}; choose another range")
        return torch.randint(low, high, shape, dtype=dtype, generator=generator)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    if spec.distribution == "normal":
        return torch.randn(shape, dtype=wide, generator=generator).to(dtype)
    least, most = (spec.low or 0.0, spec.high or 0.0) if spec.distribution == "range" else (0.0, 1.0)
    return (torch.rand(shape, dtype=wide, generator=generator) * (most - least) + least).to(dtype)


def read_input(file: str) -> torch.Tensor:
    """The tensor in a `.pt`, `.npy`, `.npz`, `.pb` (a `TensorProto`) or image file.

    An image becomes (1, channels, height, width) in [0, 1].
    Raises RequestError naming the file where it is missing, of another kind, or broken.
    """
    path = named_file(file)
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            import numpy

            return tensor_of(numpy.load(path, allow_pickle=False))
        if suffix == ".npz":
            return tensor_of(_read_archive(path))
        if suffix == ".pb":
            return _read_proto(path)
        if suffix in IMAGE_SUFFIXES:
            return _read_image(path)
        return _read_saved(path)
    except RequestError as problem:
        raise RequestError(f"--input @{problem}") from None
    except Exception as problem:
        raise read_problem(file, problem) from None


def named_file(file: str) -> Path:
    """The file that is typed after ``@``. Raises RequestError where there is none."""
    path = user_path(file)
    if path.is_dir():
        raise RequestError(f"--input @{file} is a folder; name a file in it")
    if not path.is_file():
        raise RequestError(f"--input @{file}: there is no such file")
    return path


def read_problem(file: str, problem: Exception) -> RequestError:
    """The sentence for a file that is broken, whatever its reader raised."""
    reason = (str(problem).splitlines() or [""])[0] or type(problem).__name__
    return RequestError(f"--input @{file} cannot be read: {type(problem).__name__}: {reason}")


def _read_archive(path: Path) -> Array:
    """The one array of an archive."""
    import numpy

    with numpy.load(path, allow_pickle=False) as archive:
        if len(archive.files) != 1:
            raise RequestError(f"{path} holds {len(archive.files)} arrays, not one; save the array alone")
        array: Array = archive[archive.files[0]]
        return array


def _read_proto(path: Path) -> torch.Tensor:
    """The tensor of a serialised `TensorProto`, as the test data beside ONNX models is."""
    import onnx

    proto = onnx.TensorProto.FromString(path.read_bytes())
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        raise RequestError(f"{path} keeps its values in yet another file, which is not opened; save them in this one")
    return tensor_of(onnx.numpy_helper.to_array(proto))


def _read_saved(path: Path) -> torch.Tensor:
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


def _read_image(path: Path) -> torch.Tensor:
    try:
        from PIL import Image
    except ImportError:
        raise RequestError(f"--input @{path}: reading images needs Pillow: pip install pillow") from None
    import numpy

    with Image.open(path) as image:
        pixels = numpy.asarray(image.convert("L" if image.mode in ("L", "1", "I;16") else "RGB")).copy()
    tensor = torch.from_numpy(pixels).float() / 255
    return (tensor[None] if tensor.ndim == 2 else tensor.permute(2, 0, 1))[None]
