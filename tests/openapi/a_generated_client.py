# mypy: ignore-errors
"""What somebody would write with a client that openapi-python-client made; run in its environment."""

import datetime
import sys

from clinic_client import AuthenticatedClient, Client
from clinic_client.api.patients import create_patient, list_patients, read_patient
from clinic_client.api.sign_in import login, register_user
from clinic_client.models import LoginForm, PatientCreate, PatientOrder, Role, UserRegister

address = sys.argv[1]
email, password = "admin@example.org", "correct horse battery staple"
stranger = Client(address)
register_user.sync(client=stranger, body=UserRegister(email=email, password=password, role=Role.ADMIN))
tokens = login.sync(client=stranger, body=LoginForm(username=email, password=password))
admin = AuthenticatedClient(address, tokens.access_token)

patient = PatientCreate(given_name="María José", family_name="Núñez", birth_date=datetime.date(1984, 2, 29))
made = create_patient.sync(client=admin, body=patient)
for found in list_patients.sync(client=admin, q="nun", sort=[PatientOrder.FAMILY_NAME]):
    assert found.birth_date == patient.birth_date
    print(f"{found.given_name} {found.family_name}, {found.medical_record_number}")
problem = read_patient.sync(made.id + 1, client=admin)
print(problem.status, problem.detail.partition(" Check")[0])
