"""python -m clinic_api"""

import sys
from io import TextIOWrapper


def main() -> None:
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


if __name__ == "__main__":
    main()
