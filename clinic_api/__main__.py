"""python -m clinic_api"""

import sys
from io import TextIOWrapper

from clinic_api.cli import app
from clinic_api.cli.console import unusable


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a terminal cannot show is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="python -m clinic_api")
    except OSError as error:  # a page of help, onto a full disk
        sys.exit(unusable(error))


if __name__ == "__main__":
    main()
