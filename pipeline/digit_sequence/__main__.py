"""The program: ``digit-sequence``, also ``python -m digit_sequence``.

Its first second goes into imports. What is to stop it meanwhile ends it at once, in a line.
"""

import gc
import os
import sys


def leave_current_folder_out() -> None:
    """Take the current folder from the head of `sys.path`, where ``-m`` has put it.

    A file there called numbers.py would take the place of the standard library's, here and in the
    processes that get this `sys.path`. Where the package itself is in that folder it goes last.
    """
    try:
        current = os.getcwd()  # noqa: PTH109 - as little as possible is imported yet
    except OSError:  # it was deleted, so it is not there
        return
    if not sys.flags.safe_path and sys.path[0] == current:
        del sys.path[0]
        if current == os.path.dirname(os.path.dirname(os.path.abspath(__file__))):  # noqa: PTH100, PTH120
            sys.path.append(current)


if __name__ == "__main__":
    leave_current_folder_out()  # before a module is imported that may be there

from digit_sequence.base.stops import STOPPED, take_stops  # noqa: E402

_END = (
    b'{"event": "end", "command": null, "outcome": "stopped", "exit_code": 130, '
    b'"kind": "BuildStopped", "message": "stopped", "result": null}\n'
)
"""As of `digit_sequence.cli.terminal`, which is not imported yet."""


def _stop(*_: object) -> None:
    if "--json" in sys.argv:
        os.write(1, _END)
    else:
        os.write(2, b"stopped\n")
    os._exit(STOPPED)


def run() -> None:
    """Run the command line."""
    take_stops(_stop)
    gc.set_threshold(100_000)  # what is imported stays: a start takes a twentieth less
    from digit_sequence.cli.program import main  # noqa: PLC0415

    try:
        main()
    except SystemExit as end:  # all is told
        code = end.code
        take_stops(lambda *_: os._exit(code if isinstance(code, int) else 0))
        raise


if __name__ == "__main__":
    run()
