"""Which client a target needs."""

from inspector.core.recipe import Recipe, parse_target
from inspector.worker.client import Client


def client_for(recipe: Recipe, command: str | None = None, for_commands: bool = False) -> Client:
    """A client for this recipe, its worker already starting.

    `for_commands`: what the model prints goes to standard error, and a lost worker stays lost.
    """
    kind = parse_target(recipe.target).kind
    if kind == "weights":
        from inspector.worker.file_client import FileClient

        return FileClient(in_threads=not for_commands)
    from inspector.worker.process_client import ProcessClient

    client = ProcessClient(command, not for_commands, not for_commands, onnx=kind == "onnx")
    client.launch()
    return client
