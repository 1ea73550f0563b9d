"""Text from a file: shipped with the course, your own, or a named public corpus; cleaned and split."""

from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


def require(condition: bool, message: str) -> None:
    """Raise a `ValueError` with this message unless the condition holds."""
    if not condition:
        raise ValueError(message)
