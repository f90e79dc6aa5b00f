"""The same clinic as the tutorials of FastAPI and SQLModel would write it, on the same tables; one file.

Compare https://sqlmodel.tiangolo.com/tutorial/fastapi/ and https://github.com/fastapi/full-stack-fastapi-template.
"""

import os
import time
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from jose import JWTError, jwt
from passlib.context import CryptContext
from pydantic import EmailStr
from sqlmodel import Field, Session, SQLModel, col, create_engine, func, select

ALGORITHM = "HS256"
ACCESS_TOKEN_EXPIRE_MINUTES = 60
SECRET_KEY = os.environ["JWT_SECRET"]

engine = create_engine(os.environ["DATABASE_URL"])
pwd_context = CryptContext(schemes=["bcrypt_sha256"])
reusable_oauth2 = OAuth2PasswordBearer(tokenUrl="/login/access-token")


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, max_length=254)
    role: str
    full_name: str | None = None
    doctor_id: int | None = None
    is_active: bool = True
    hashed_password: str


class Assignment(SQLModel, table=True):
    __tablename__ = "assignments"

    doctor_id: int = Field(primary_key=True)
    patient_id: int = Field(primary_key=True, foreign_key="patients.id")


class PatientBase(SQLModel):
    given_name: str = Field(min_length=1, max_length=100)
    family_name: str = Field(default="", max_length=100)
    birth_date: date
    gender: str = Field(default="unknown", max_length=20)
    medical_record_number: str = Field(min_length=1, max_length=40)
    phone: str | None = Field(default=None, max_length=40)
    email: EmailStr | None = Field(default=None, max_length=254)
    address: str | None = Field(default=None, max_length=300)
    active: bool = True
    deceased_date: date | None = None


class PatientCreate(PatientBase):
    pass


class Patient(PatientBase, table=True):
    __tablename__ = "patients"

    id: int | None = Field(default=None, primary_key=True)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    version: int = 1
    search_words: str


class PatientPublic(PatientBase):
    id: int
    created_at: datetime
    updated_at: datetime
    version: int


class PatientsPublic(SQLModel):
    data: list[PatientPublic]
    count: int


class Token(SQLModel):
    access_token: str
    token_type: str = "bearer"


def get_db() -> Generator[Session, None, None]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_db)]
TokenDep = Annotated[str, Depends(reusable_oauth2)]


def get_current_user(session: SessionDep, token: TokenDep) -> User:
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
        user_id = int(payload["sub"])
    except (JWTError, KeyError, ValueError):
        raise HTTPException(status_code=status.HTTP_403_FORBIDDEN, detail="Could not validate credentials") from None
    user = session.get(User, user_id)
    if not user:
        raise HTTPException(status_code=404, detail="User not found")
    if not user.is_active:
        raise HTTPException(status_code=400, detail="Inactive user")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def get_current_admin(current_user: CurrentUser) -> User:
    if current_user.role != "ADMIN":
        raise HTTPException(status_code=403, detail="The user doesn't have enough privileges")
    return current_user


app = FastAPI(title="Textbook clinic")


@app.middleware("http")
async def add_process_time_header(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    start_time = time.perf_counter()
    response = await call_next(request)
    response.headers["X-Process-Time"] = str(time.perf_counter() - start_time)
    return response


@app.post("/login/access-token")
def login_access_token(session: SessionDep, form_data: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    user = session.exec(select(User).where(User.email == form_data.username)).first()
    if not user or not pwd_context.verify(form_data.password, user.hashed_password):
        raise HTTPException(status_code=400, detail="Incorrect email or password")
    expire = datetime.now(UTC) + timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES)
    return Token(access_token=jwt.encode({"exp": expire, "sub": str(user.id)}, SECRET_KEY, algorithm=ALGORITHM))


def patients_of(user: User) -> Any:
    """An administrator's are all, a doctor's the assigned ones."""
    statement = select(Patient)
    if user.role == "ADMIN":
        return statement
    return statement.join(Assignment).where(Assignment.doctor_id == user.doctor_id)


@app.get("/patients", response_model=list[PatientPublic])
def read_patients(
    session: SessionDep, current_user: CurrentUser, offset: int = 0, limit: Annotated[int, Query(le=500)] = 50
) -> Any:
    """As the tutorial of SQLModel has it."""
    return session.exec(patients_of(current_user).order_by(col(Patient.id)).offset(offset).limit(limit)).all()


@app.get("/patients/counted", response_model=PatientsPublic)
def read_patients_and_count(
    session: SessionDep, current_user: CurrentUser, offset: int = 0, limit: Annotated[int, Query(le=500)] = 50
) -> Any:
    """As the full-stack template has it: the whole number with each page."""
    count = session.exec(select(func.count()).select_from(patients_of(current_user).subquery())).one()
    patients = session.exec(patients_of(current_user).order_by(col(Patient.id)).offset(offset).limit(limit)).all()
    return PatientsPublic(data=patients, count=count)


@app.get("/patients/{patient_id}", response_model=PatientPublic)
def read_patient(session: SessionDep, current_user: CurrentUser, patient_id: int) -> Any:
    patient = session.get(Patient, patient_id)
    if not patient:
        raise HTTPException(status_code=404, detail="Patient not found")
    if current_user.role != "ADMIN" and not session.get(Assignment, (current_user.doctor_id, patient_id)):
        raise HTTPException(status_code=403, detail="Not enough permissions")
    return patient


@app.post("/patients", status_code=201, response_model=PatientPublic, dependencies=[Depends(get_current_admin)])
def create_patient(*, session: SessionDep, patient_in: PatientCreate) -> Any:
    words = f" {patient_in.family_name.lower()} {patient_in.given_name.lower()}"
    patient = Patient.model_validate(patient_in, update={"search_words": words})
    session.add(patient)
    session.commit()
    session.refresh(patient)
    return patient
