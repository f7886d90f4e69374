"""Importing the user's code: a file, with its siblings and its package, or a dotted module."""

import contextlib
import importlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from inspector.core.errors import ModelEndedError, RequestError
from inspector.engine.pytorch import torchvision_operators
from inspector.files.typed_paths import typed_path


def import_target_file(location: str) -> ModuleType:
    """Import a `.py` file under its own name, so that it can import its siblings, or relatively inside its package.

    Raises RequestError where the file is missing or its code fails, ModelEndedError where its code ends the process.
    """
    path = typed_path(location)
    if not path.is_file():
        nearby = sorted(other.name for other in path.parent.glob("*.py")) if path.parent.is_dir() else []
        there = f"; in {path.parent} there are {', '.join(nearby[:5])}" if nearby else ""
        raise RequestError(f"{location}: there is no such file{there}")
    folder, name = _import_root(path.resolve())
    torchvision_operators.install()
    with _running_user_code(location):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
        if "." in name:
            return importlib.import_module(name)
        return _import_under(name, path.resolve())


def import_target_module(name: str) -> ModuleType:
    """Import a dotted module; the current folder comes first, as it does for ``python -m``.

    Raises RequestError where it is not installed or its code fails, ModelEndedError where its code ends the process.
    """
    torchvision_operators.install()
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with _running_user_code(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if missing.name and (name == missing.name or name.startswith(missing.name + ".")):
                raise RequestError(
                    f"there is no module {missing.name!r} here to import; check the name, or install its package into "
                    f"{sys.prefix}"
                ) from None
            raise


def _import_root(path: Path) -> tuple[Path, str]:
    """The folder to import from and the dotted name: above the outermost folder with an ``__init__.py``."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts) if parts else path.stem


def _import_under(stem: str, path: Path) -> ModuleType:
    """Import one file. Its stem is its module name unless another module has that name already (`types.py`)."""
    taken = stem in sys.modules or stem in sys.stdlib_module_names
    name = f"_nninspect_{stem}" if taken and getattr(sys.modules.get(stem), "__file__", None) != str(path) else stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RequestError(f"{path}: Python cannot import this file; a model file ends in .py")
    module = importlib.util.module_from_spec(spec)
    # Registered before it runs, as import does: its classes look themselves up there (dataclasses, pickle).
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


@contextlib.contextmanager
def _running_user_code(location: str) -> Iterator[None]:
    """Turn what the user's code raises while it is imported into one sentence with its line."""
    # Looking at a model leaves no files behind beside it.
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    linecache.checkcache()
    try:
        yield
    except (RequestError, KeyboardInterrupt):
        raise
    except SystemExit as leaving:
        raise ModelEndedError(
            f"{location} ended the process while it was imported: sys.exit({leaving.code!r}){_where(leaving)}; "
            'guard what only a script should do with if __name__ == "__main__":'
        ) from None
    except SyntaxError as problem:
        line = f", line {problem.lineno}: {(problem.text or '').strip()}" if problem.lineno else ""
        raise RequestError(f"{location} is not valid Python: {problem.msg} ({problem.filename}{line})") from problem
    except ModuleNotFoundError as problem:
        raise RequestError(
            f"{location} imports {problem.name!r}, which is not installed here{_where(problem)}; "
            f"install it into {sys.prefix}, or run nninspect from an environment that has it"
        ) from problem
    except BaseException as problem:
        raise RequestError(
            f"{location} fails while it is imported: {type(problem).__name__}: {first_line(problem)}{_where(problem)}"
        ) from problem
    finally:
        sys.dont_write_bytecode = wrote


def first_line(problem: BaseException) -> str:
    """The first line of what an exception says; its text may itself fail."""
    try:
        return str(problem).strip().splitlines()[0]
    except Exception:
        return ""


def _where(problem: BaseException) -> str:
    """The innermost line outside Python's import machinery, as `` (file.py:3: text)``."""
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if "importlib" not in frame.filename and not frame.filename.startswith("<") and frame.filename != __file__
    ]
    if not frames:
        return ""
    return f" ({frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line})"
