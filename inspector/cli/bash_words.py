"""Completion in bash, which takes a colon for the end of a word: ``model.py:Le`` comes as three."""

import os

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string


class ColonBashComplete(BashComplete):
    """Puts words together again that a colon took apart, and gives bash only what comes after the last colon."""

    _known = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        """The whole words before the cursor, and the one under it."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        position = int(os.environ["COMP_CWORD"])
        joined = joined_at_colons(words[: position + 1])
        if position >= len(words):
            joined.append("")
        *arguments, incomplete = joined[1:] or [""]
        self._known = incomplete.rfind(":") + 1
        return arguments, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """One line of the answer."""
        return f"{item.type},{item.value[self._known :]}"


def joined_at_colons(words: list[str]) -> list[str]:
    """``["a", ":", "b", "c"]`` as ``["a:b", "c"]``."""
    joined: list[str] = []
    after_colon = False
    for word in words:
        is_colon = bool(word) and not word.strip(":")
        if joined and (is_colon or after_colon):
            joined[-1] += word
        else:
            joined.append(word)
        after_colon = is_colon
    return joined


def register() -> None:
    """Let click use it for bash."""
    add_completion_class(ColonBashComplete, "bash")
