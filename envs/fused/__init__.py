"""An optional engine: the slot and the platform's logs as loops that numba compiles."""

from .engine import FusedPlatformView, FusedWorld

__all__ = ["FusedPlatformView", "FusedWorld"]
