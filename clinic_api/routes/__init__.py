"""The API's routers, in the order in which they are tried: the busiest first."""

from clinic_api.routes import audit, auth, doctors, emergency, patients, system, users

routers = (
    patients.router,
    doctors.router,
    auth.router,
    emergency.router,
    users.router,
    audit.router,
    system.router,
)
