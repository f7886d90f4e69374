"""Where a sentence names an option of the command line: the key that does the same here."""

OPTIONS = {"--input": "input"}
"""Options with the ids of the actions that do here what they do there."""


def with_keys(sentence: str) -> str:
    """The sentence, with the key to press for each option that it mentions."""
    from inspector.tui.actions import ACTIONS  # which imports, through its dialogs and panels, this module

    keys = [ACTIONS[action].keys for option, action in OPTIONS.items() if option in sentence]
    return f"{sentence} (press {' or '.join(keys)})" if keys else sentence
