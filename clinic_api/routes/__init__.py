"""The API's routers, in the order in which they are tried: the busiest first."""

from clinic_api.routes import auth, doctors, patients, system

routers = (patients.router, doctors.router, auth.router, system.router)
