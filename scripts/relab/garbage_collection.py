"""Python's search for garbage, in programs that import much and do not run for long.

PyTorch and Transformers are hundreds of thousands of objects. Python looks through them again and again while they are
imported, and once more when it ends: a third of the processor time of a program that loads a network and does nothing.
"""

import atexit
import gc

#: New objects between two searches; Python's own number is 700. Cycles of objects, rare in what programs here do, wait longer.
NEW_OBJECTS = 50_000


def collect_seldom() -> None:
    """Search less often from now on, and not at all once this process ends, when the machine takes its memory back anyway."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)
