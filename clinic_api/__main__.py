"""python -m clinic_api"""

from clinic_api.cli import app


def main() -> None:
    app(prog_name="python -m clinic_api")


if __name__ == "__main__":
    main()
