"""How most programs import: each row validated, then all added to the session. Prints how many seconds it took."""

import csv
import os
import sys
import time

from sqlalchemy import create_engine
from sqlmodel import Session

from clinic_api.models import Patient, PatientCreate


def main(path: str) -> None:
    engine = create_engine(os.environ["DATABASE_URL"])
    began = time.monotonic()
    with open(path, newline="") as file, Session(engine) as session:
        rows = ({name: cell for name, cell in row.items() if cell} for row in csv.DictReader(file))
        session.add_all([Patient(**PatientCreate.model_validate(row).model_dump()) for row in rows])
        session.commit()
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(sys.argv[1])
