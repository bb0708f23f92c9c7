"""The root of every error that a user of liquid-pilot can cause or cure.

Each package derives its own named errors in its own ``errors.py``. A message says what was wrong, where, and what to
do about it, in one line: the command line prints it as it is (no traceback) and exits with code 2.
"""

from __future__ import annotations


class LiquidPilotError(Exception):
    """Base of all named errors of liquid-pilot; the command line shows its message as one line and exits with 2."""


class FolderInUse(LiquidPilotError):
    """An output folder holds something else than the unfinished work of this very command."""
