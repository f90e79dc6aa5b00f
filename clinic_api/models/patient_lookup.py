"""What triggers keep beside the patients, so that they are found without passing over the others."""

from typing import Annotated

from sqlalchemy import Text
from sqlmodel import Field, SQLModel


class PatientWord(SQLModel, table=True):
    """The words of `Patient.search_words`, of the patients in use, in the order in which a search shows them."""

    __tablename__ = "patient_words"

    word: Annotated[str, Field(sa_type=Text(collation="C"), primary_key=True)]
    patient_id: Annotated[int, Field(primary_key=True)]


class UnassignedPatient(SQLModel, table=True):
    """The patients without a lasting assignment to a doctor in use; an emergency's is ended by the clock alone."""

    __tablename__ = "unassigned_patients"

    patient_id: Annotated[int, Field(primary_key=True)]
