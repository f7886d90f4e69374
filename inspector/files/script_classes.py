"""Which attributes of a TorchScript class are parameters and which are buffers, by the archive's own code.

The code is looked at as text: each class begins with the lists ``__parameters__`` and ``__buffers__``.
"""

from inspector.files.zip_directory import BrokenZipError, ZipDirectory

MAX_CODE = 16 * 2**20
"""Of all files together."""
_CLASS, _PARAMETERS, _BUFFERS = "class ", "  __parameters__ = [", "  __buffers__ = ["


class ScriptClasses:
    """Answers for the classes of one archive; each file of code is read once, when it is asked for."""

    def __init__(self, directory: ZipDirectory, prefix: str) -> None:
        self._directory = directory
        self._folder = f"{prefix}code/"
        self._left = MAX_CODE
        self._files: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]] = {}

    def __call__(self, class_path: str) -> tuple[frozenset[str], frozenset[str]] | None:
        """Parameters and buffers of the class; None where its code is not there."""
        module, _, name = class_path.rpartition(".")
        if module not in self._files:
            self._files[module] = self._read(module)
        return self._files[module].get(name)

    def _read(self, module: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        member = f"{self._folder}{module.replace('.', '/')}.py"
        if member not in self._directory.members:
            return {}
        try:
            code = self._directory.read(member, self._left)
        except BrokenZipError:
            return {}
        self._left -= len(code)
        return _classes(code.decode("utf-8", "replace"))


def _classes(code: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    found: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    name = ""
    for line in code.splitlines():
        if line.startswith(_CLASS):
            name = line[len(_CLASS) :].partition("(")[0]
            found[name] = (frozenset(), frozenset())
        elif line.startswith(_PARAMETERS) and name:
            found[name] = (_quoted(line), found[name][1])
        elif line.startswith(_BUFFERS) and name:
            found[name] = (found[name][0], _quoted(line))
    return found


def _quoted(line: str) -> frozenset[str]:
    return frozenset(line.split('"')[1::2])
