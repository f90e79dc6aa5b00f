"""The tables and the schemas. Importing this module knows them all, which is what Alembic asks for."""

from sqlmodel import SQLModel

from clinic_api.models.assignment import Assignment, AssignmentPublic
from clinic_api.models.attempt import Attempt
from clinic_api.models.audit_event import AccessLogEntry, AuditEvent, AuditEventPublic, AuditQuery
from clinic_api.models.doctor import Doctor, DoctorCreate, DoctorPublic, DoctorQuery, DoctorUpdate
from clinic_api.models.emergency import EmergencyAccessPublic, EmergencyGrant, EmergencyRequest
from clinic_api.models.fields import Action, Entity, Id, Role
from clinic_api.models.idempotency_key import IdempotencyKey
from clinic_api.models.import_report import ImportQuery, ImportReport
from clinic_api.models.login import LoginForm, RefreshRequest, TokenPair
from clinic_api.models.page import ListQuery
from clinic_api.models.patient import Patient, PatientCreate, PatientPublic, PatientQuery, PatientUpdate
from clinic_api.models.patient_lookup import PatientWord, UnassignedPatient
from clinic_api.models.session import LoginSession
from clinic_api.models.user import PasswordChange, PasswordSet, User, UserPublic, UserRegister, UserUpdate

metadata = SQLModel.metadata

__all__ = [
    "AccessLogEntry",
    "Action",
    "Assignment",
    "AssignmentPublic",
    "Attempt",
    "AuditEvent",
    "AuditEventPublic",
    "AuditQuery",
    "Doctor",
    "DoctorCreate",
    "DoctorPublic",
    "DoctorQuery",
    "DoctorUpdate",
    "EmergencyAccessPublic",
    "EmergencyGrant",
    "EmergencyRequest",
    "Entity",
    "Id",
    "IdempotencyKey",
    "ImportQuery",
    "ImportReport",
    "ListQuery",
    "LoginForm",
    "LoginSession",
    "PasswordChange",
    "PasswordSet",
    "Patient",
    "PatientCreate",
    "PatientPublic",
    "PatientQuery",
    "PatientUpdate",
    "PatientWord",
    "RefreshRequest",
    "Role",
    "TokenPair",
    "UnassignedPatient",
    "User",
    "UserPublic",
    "UserRegister",
    "UserUpdate",
    "metadata",
]
