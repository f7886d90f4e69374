"""The Python expression that reaches a tensor of a file, from what its reader gives: ``checkpoint['model']['w']``."""

from inspector.files.catalog import Catalog, CatalogTensor


class Expressions:
    """Expressions for the tensors of one file, of which `checkpoint` is what ``torch.load`` or another reader gave."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._numbered = {tuple(container.path) for container in catalog.containers if container.numbered}
        self._models = {tuple(module.container) for module in catalog.modules}

    def of(self, tensor: CatalogTensor) -> str:
        """The expression that gives `tensor`."""
        if self._catalog.root == "tensor":
            return "checkpoint"
        container = tuple(tensor.container)
        if container in self._models or self._catalog.root == "module":
            return f"{self.container(container)}.state_dict()[{tensor.name!r}]"
        if self._catalog.format == "torch-export" and not container:
            return f"checkpoint.state_dict[{tensor.name!r}]"
        return f"{self.container(container)}[{self._key(container, tensor.name)}]"

    def container(self, path: tuple[str, ...]) -> str:
        """The expression that gives the mapping or list at `path`."""
        return "checkpoint" + "".join(f"[{self._key(path[:at], part)}]" for at, part in enumerate(path))

    def _key(self, container: tuple[str, ...], key: str) -> str:
        return key if container in self._numbered else repr(key)
