"""python -m clinic_api"""

import os
import sys
from io import TextIOWrapper


def main() -> None:
    open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a terminal cannot show is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        from clinic_api.cli import app  # for a second or two, in which somebody may think better of it
        from clinic_api.cli.console import unusable
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        app(prog_name="python -m clinic_api")
    except OSError as error:  # a page of help, onto a full disk
        sys.exit(unusable(error))


def open_what_is_closed() -> None:
    """Python has None for a stream that was closed before it started, and the next file would get its number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
