"""What became of a file of patients."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator
from pydantic import Field as Rule

from clinic_api.models.base import Input

Switch = BeforeValidator(lambda sent: sent == "" or sent)
"""On where it is named at all: `?dry_run`."""
ROW = Rule(description="As the spreadsheet shows it: the names of the columns stand in row 1.", examples=[17])


class ImportQuery(Input):
    dry_run: Annotated[bool, Rule(description="Only check the file, and store nothing."), Switch] = False


class LikelyDuplicate(BaseModel):
    """A row that tells of somebody who is there already, going by name and birth date."""

    row: Annotated[int, ROW]
    like_row: Annotated[int | None, Rule(description="An earlier row of the file.", examples=[None])]
    patient_id: Annotated[int | None, Rule(description="A patient of the clinic.", examples=[1])]


class LikelyDuplicates(BaseModel):
    count: Annotated[int, Rule(description="How many rows there are.", examples=[1])]
    first: Annotated[list[LikelyDuplicate], Rule(description="The first 1000 of them.")]


class ImportReport(BaseModel):
    rows: Annotated[int, Rule(description="How many rows tell of a patient.", examples=[250])]
    imported: Annotated[int, Rule(description="How many patients were made; none by a dry run.", examples=[250])]
    dry_run: Annotated[bool, Rule(examples=[False])]
    likely_duplicates: LikelyDuplicates
