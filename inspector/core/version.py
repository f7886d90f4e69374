"""Which nninspect this is."""


def installed_version() -> str:
    """The version of the installed distribution; "unknown" where the package runs without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("nninspect")
    except PackageNotFoundError:
        return "unknown"
