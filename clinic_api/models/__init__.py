"""The tables and the schemas. Importing this module knows them all, which is what Alembic asks for."""

from sqlmodel import SQLModel

from clinic_api.models.assignment import Assignment, AssignmentPublic
from clinic_api.models.doctor import Doctor, DoctorCreate, DoctorPublic, DoctorQuery, DoctorUpdate
from clinic_api.models.fields import Id, Role
from clinic_api.models.login import AccessToken, LoginForm
from clinic_api.models.page import ListQuery
from clinic_api.models.patient import Patient, PatientCreate, PatientPublic, PatientQuery, PatientUpdate
from clinic_api.models.user import User, UserPublic, UserRegister

metadata = SQLModel.metadata

__all__ = [
    "AccessToken",
    "Assignment",
    "AssignmentPublic",
    "Doctor",
    "DoctorCreate",
    "DoctorPublic",
    "DoctorQuery",
    "DoctorUpdate",
    "Id",
    "ListQuery",
    "LoginForm",
    "Patient",
    "PatientCreate",
    "PatientPublic",
    "PatientQuery",
    "PatientUpdate",
    "Role",
    "User",
    "UserPublic",
    "UserRegister",
    "metadata",
]
