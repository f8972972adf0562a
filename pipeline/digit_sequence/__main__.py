"""Run the command line as ``python -m digit_sequence``."""

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
    leave_current_folder_out()
    from digit_sequence.cli.program import main

    main()
