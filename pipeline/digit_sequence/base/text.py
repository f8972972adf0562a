"""Text that others have written, as a terminal can show it: without what would steer the terminal.

Names of files, run logs, keys of a config and numbers in them may hold escape sequences, which move
the cursor, hide lines or answer for the user. What is no printable character is shown by its code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters but for tab and new line, what turns or hides text, and broken Unicode."""


def escape(text: object) -> str:
    r"""Return a text with the codes of characters that steer a terminal in their place.

    >>> escape("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return _STEERING.sub(_name_code, str(text))


def escape_line(text: object) -> str:
    r"""Return the same of a name that belongs into a line, whose ends of lines are codes too.

    >>> escape_line("a\nb")
    'a\\nb'
    """
    return escape(text).replace("\n", "\\n").replace("\t", "\\t")


def list_first(lines: Iterable[str], most: int = 5) -> str:
    """Return the first of some lines, indented, and how many more there are.

    >>> print(list_first(["seed: 1 there, 2 here", "look: a there, b here"], most=1))
      seed: 1 there, 2 here
      and 1 more
    """
    there = list(lines)
    more = [f"and {len(there) - most:,} more"] if len(there) > most else []
    return "\n".join(f"  {line}" for line in there[:most] + more)


def find_near(given: object, names: Iterable[str]) -> str:
    """Return the one of some names that was meant, perhaps, in letters of any case; empty if none.

    >>> find_near("Chque", ["cheque", "scan"]), find_near("zzz", ["cheque"])
    ('cheque', '')
    """
    lowered = {name.lower(): name for name in names}
    near = get_close_matches(str(given)[:80].lower(), lowered, n=1)
    return lowered[near[0]] if near else ""


def suggest(given: object, names: Iterable[str]) -> str:
    """Return the end of a message about a name that is none of some: which was meant, perhaps.

    >>> suggest("chque", ["cheque", "scan"]), suggest("zzz", ["cheque"])
    ('; did you mean cheque?', '')
    """
    near = find_near(given, names)
    return f"; did you mean {near}?" if near and near != given else ""


def count_things(count: int, noun: str) -> str:
    """Return a count with its noun, which ends in s but for one.

    >>> count_things(1, "shard"), count_things(1234, "shard")
    ('1 shard', '1,234 shards')
    """
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


def describe_duration(seconds: float) -> str:
    """Return how long something took, in seconds or from two minutes on in minutes.

    >>> describe_duration(0.42), describe_duration(34), describe_duration(2640)
    ('0.4 seconds', '34 seconds', '44.0 minutes')
    """
    if seconds >= 120:
        return f"{seconds / 60:,.1f} minutes"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"


def describe_bytes(n_bytes: float) -> str:
    """Return a count of bytes as people read it.

    >>> describe_bytes(1234567)
    '1.23 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} TB"


def _name_code(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
