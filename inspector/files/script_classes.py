"""Which attributes of a TorchScript class are parameters and which are buffers, by the archive's own code.

The code is looked at as text: each class begins with the lists ``__parameters__`` and ``__buffers__``.
"""

import re

from inspector.files.zip_directory import BrokenZipError, ZipDirectory

MAX_FILE = 4 * 2**20
MAX_FILES = 2000
_CLASS = r"class (\w+)\(Module\):\s+__parameters__ = \[([^\]]*)\]\s+__buffers__ = \[([^\]]*)\]"


class ScriptClasses:
    """Answers for the classes of one archive; each file of code is read once, when it is asked for."""

    def __init__(self, directory: ZipDirectory, prefix: str) -> None:
        self._directory = directory
        self._folder = f"{prefix}code/"
        self._files: dict[str, dict[str, tuple[frozenset[str], frozenset[str]]]] = {}

    def __call__(self, class_path: str) -> tuple[frozenset[str], frozenset[str]] | None:
        """Parameters and buffers of the class; None where its code is not there."""
        module, _, name = class_path.rpartition(".")
        if module not in self._files:
            self._files[module] = self._read(module) if len(self._files) < MAX_FILES else {}
        return self._files[module].get(name)

    def _read(self, module: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        member = f"{self._folder}{module.replace('.', '/')}.py"
        if member not in self._directory.members:
            return {}
        try:
            code = self._directory.read(member, MAX_FILE).decode("utf-8", "replace")
        except BrokenZipError:
            return {}
        return {
            name: (frozenset(re.findall(r'"(\w+)"', parameters)), frozenset(re.findall(r'"(\w+)"', buffers)))
            for name, parameters, buffers in re.findall(_CLASS, code)
        }
