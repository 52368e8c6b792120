"""Enhancement steps by name: `STEPS`. Each module here registers its own; `steps.py` says how one is added."""

from models.filters import colour, enlarge, learned, noise, repair, style, tone  # noqa: F401 (importing registers)
from models.filters.arguments import Argument, Loaded, Reference
from models.filters.steps import GRID, STEPS, Step, step

__all__ = ["GRID", "STEPS", "Argument", "Loaded", "Reference", "Step", "step"]
