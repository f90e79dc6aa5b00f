"""Many patients at once: read from CSV, written to CSV, or made up."""


def nothing(*_: object) -> None:
    """Shows nothing, and waits for nobody."""
