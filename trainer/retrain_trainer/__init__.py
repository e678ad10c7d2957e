"""The trainer: decides what one run does. It never talks to the Kubernetes API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrain_trainer.serving import champion_version, load_champion, load_file

__all__ = ["__version__", "champion_version", "load_champion", "load_file"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What serves models, on first use: a run that only checks data must not pay for it."""
    if name in ("champion_version", "load_champion", "load_file"):
        from retrain_trainer import serving

        return getattr(serving, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
