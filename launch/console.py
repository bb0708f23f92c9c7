"""How the command line talks: results to standard output, everything else to standard error, mistakes as one line."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence

from typer.exceptions import Abort, Exit, TyperException

from liquid_pilot.errors import LiquidPilotError

BAD_USAGE = 2
FAILED = 1
INTERRUPTED = 128 + signal.SIGINT

DISK_ERRORS = {
    errno.ENOSPC: "no space left on the disk: free some or choose another --out; what was finished is kept",
    errno.EDQUOT: "disk quota reached: free some or choose another --out; what was finished is kept",
    errno.EROFS: "this file system is read-only: choose another --out",
    errno.EACCES: "no permission to write here: choose another --out or change the folder's mode",
}


def say(text: str = "") -> None:
    """One line to standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """One line to standard error, whatever line breaks the text brought along."""
    sys.stderr.write(f"liquid-pilot: {' '.join(str(text).split())}\n")


def spread_options(arguments: Sequence[str], many: frozenset[str]) -> list[str]:
    """Let options take several values: ``--scenario A B`` becomes ``--scenario A --scenario B``.

    Click knows repeated options only, and a list of names is what people type.
    """
    spread: list[str] = []
    option: str | None = None
    fresh = False
    for argument in arguments:
        if argument in many:
            option, fresh = argument, True
            spread.append(argument)
        elif argument.startswith("-") or option is None:
            option = None
            spread.append(argument)
        else:
            spread += [argument] if fresh else [option, argument]
            fresh = False
    return spread


def run_command_line(run: Callable[[], object]) -> int:
    """Run a command and turn whatever it raises into one line and an exit code.

    Named errors and bad usage give 2, Ctrl-C 130, a reader that went away (``| head``) 0. Anything else is a defect of
    ours and keeps its traceback, which is what a bug report needs.
    """
    try:
        result = run()
    except (KeyboardInterrupt, Abort):
        return _interrupted()
    except Exit as stop:
        # Typer itself turns Ctrl-C into this exit code.
        return _interrupted() if stop.exit_code == INTERRUPTED else stop.exit_code
    except (LiquidPilotError, TyperException) as error:
        complain(error.format_message() if isinstance(error, TyperException) else str(error))
        return BAD_USAGE
    except BrokenPipeError:
        # Python would complain once more while it flushes standard output at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        complain(f"{error.filename or 'writing failed'}: {DISK_ERRORS[error.errno]}")
        return BAD_USAGE
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    complain("stopped; the same command goes on where it was")
    return INTERRUPTED
