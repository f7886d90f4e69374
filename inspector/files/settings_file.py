"""Reads the file of settings, strictly: what is wrong in it is said, never passed over."""

import tomllib

from inspector.core.errors import RequestError
from inspector.core.record import Record
from inspector.core.settings import Settings, place, settings_from
from inspector.files.typed_paths import expanded
from inspector.files.user_folders import CONFIGURATION, configuration_file


class SettingsFile(Record, frozen=True, kw_only=True):
    """Settings with where they come from."""

    settings: Settings
    file: str
    text: str = ""
    """Of the file; "" where there is none."""
    given: list[str] = []
    """The settings that the file names; the others are as they are without one."""

    def place(self, name: str) -> str:
        """The file and the line where a setting, or a key of one, stands."""
        return place(self.file, self.text, name)


def read_settings(path: str | None = None) -> SettingsFile:
    """The settings in `path`, which has to be there, else in the person's own file, which need not.

    Raises RequestError where it cannot be read, is no TOML, or holds what is no setting.
    """
    file = expanded(path) if path is not None else configuration_file()
    try:
        text = file.read_bytes().decode()
        document = tomllib.loads(text)
    except OSError as problem:
        if path is None and isinstance(problem, FileNotFoundError | NotADirectoryError):
            return SettingsFile(settings=Settings(), file=str(file))
        advice = "mend its path, or leave it out" if path is not None else f"{CONFIGURATION} names another"
        raise RequestError(f"{file} cannot be read: {problem.strerror}; {advice}") from None
    except UnicodeDecodeError:
        raise RequestError(f"{file} is not text in UTF-8; save it so") from None
    except tomllib.TOMLDecodeError as problem:
        raise RequestError(f"{file} is no TOML: {problem}; mend that line") from None
    settings = settings_from(document, text, str(file))
    return SettingsFile(settings=settings, file=str(file), text=text, given=list(document))
