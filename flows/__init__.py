"""The flows, each of which reads as its pipeline does, and the `imagemill` command."""

import os

# Large tensors in pages of 2 MB, not 4 KB; torch reads this once, at its first tensor. The allocator gives each back to
# the system when it is freed, outside of the main thread above all, and every page of the next one is cleared anew.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
