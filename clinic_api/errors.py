"""What can go wrong, said without HTTP; `http/problems.py` says it in HTTP."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class ClinicError(Exception):
    """Something the caller did or asked for that the clinic does not do; `detail` names the next step."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unauthenticated(ClinicError):
    """Nobody is signed in, or the sign-in no longer counts."""

    def __init__(self, detail: str = "Sign in first: POST /auth/login, or Authorize in /docs.") -> None:
        super().__init__(detail)


class LoginFailed(Unauthenticated):
    """Unknown e-mail, wrong password or disabled account: which of them is never said."""

    def __init__(
        self, detail: str = "E-mail or password is wrong, or the account is disabled. Check both and try again."
    ) -> None:
        super().__init__(detail)


class RefreshFailed(LoginFailed):
    """The refresh token was used, has ended, or was never one."""

    def __init__(self) -> None:
        super().__init__("This refresh token is no longer good. Sign in again: POST /auth/login.")


class Refused(ClinicError):
    """The caller's role may never do this."""


class RetiredRefused(Refused):
    """A DOCTOR wants to see what was retired."""

    def __init__(self) -> None:
        super().__init__("Only an administrator lists what was retired. Leave `retired` out.")


class WrongRole(Refused):
    """Only accounts with one of these roles may."""

    def __init__(self, roles: Iterable[str]) -> None:
        super().__init__(f"Only an account with the role {' or '.join(sorted(roles))} may do this.")


class NotFound(ClinicError):
    """There is no such record, or the caller may not know of it."""

    def __init__(self, what: type, detail: str | None = None) -> None:
        name = what.__name__.lower()
        unknown = f"There is no such {name}, or you may not see it. Check the id in the list of {name}s."
        super().__init__(detail or unknown)


class NoMatch(NotFound):
    """Who asks in an emergency was wrong about the patient."""

    def __init__(self, what: type) -> None:
        super().__init__(what, f"No {what.__name__.lower()} has this record number and birth date. Check both.")


class Conflict(ClinicError):
    """What is asked for clashes with what is stored, in this field."""

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail)
        self.field = field


class StillRunning(Conflict):
    """The same request is being worked on; `seconds` from now it may have been answered."""

    seconds = 1

    def __init__(self, field: str) -> None:
        super().__init__(f"The first request with this {field} is still running. Repeat it in a moment.", field)


class Inactive(Conflict):
    """One of the two who are to be assigned is not in use."""

    def __init__(self, what: type) -> None:
        name = what.__name__.lower()
        super().__init__(f"This {name} is inactive and takes no new assignment. Set `active` to true.", "active")


class LastAdmin(Conflict):
    """Without this one nobody would be left who is an active administrator."""

    def __init__(self, field: str) -> None:
        super().__init__("This is the last active administrator. Make another one first.", field)


class Stale(ClinicError):
    """The caller wants to change a version of the record that is no longer the present one."""

    def __init__(
        self,
        detail: str = "This has changed since you read it. Read it again, and send the new ETag, quotes included,"
        " as If-Match.",
    ) -> None:
        super().__init__(detail)


class NoVersion(Stale):
    """The caller wants a version of what has none."""

    def __init__(self) -> None:
        super().__init__("This has no ETag. Leave If-Match out.")


class TooMany(ClinicError):
    """The caller may try once more `seconds` from now."""

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.seconds = max(1, seconds)


class TooManyAttempts(TooMany):
    """Somebody seems to be guessing."""

    def __init__(self, seconds: int) -> None:
        minutes = max(1, math.ceil(seconds / 60))
        super().__init__(f"Too many failed attempts. Try again in {minutes} minutes.", seconds)


class TooManyRequests(TooMany):
    """Somebody calls too often."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many requests. Try again in {seconds} seconds.", seconds)


class NotAcceptable(ClinicError):
    """The caller takes the answer only in a format that this call does not write."""

    def __init__(self, formats: Mapping[str, str]) -> None:
        kinds, names = " or ".join(formats.values()), " or ".join(f"`{kind}`" for kind in formats)
        super().__init__(f"This call answers in {kinds}. Send the header Accept with {names}, or leave it out.")


class UnsupportedMediaType(ClinicError):
    """The body is not written in a format that this call reads."""


class Invalid(Exception):
    """A field that is well-formed and yet wrong, as the database or a rule of the clinic sees it.

    `message` completes a sentence that begins with the field's name; `code` is for programs.
    """

    def __init__(self, field: str, message: str, code: str) -> None:
        super().__init__(f"{field} {message}")
        self.field, self.message, self.code = field, message, code


class PasswordIsEmail(Invalid):
    """The first password that anybody would guess."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "must not be the e-mail address", "password_is_email")


class WrongPassword(Invalid):
    """Who wants another password does not know the present one."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "is not your password", "wrong_password")


class UnknownDoctor(Invalid):
    """An account is to belong to a doctor who is not there."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "must be the id of a doctor", "unknown_doctor")


class WrongCell(NamedTuple):
    """What is wrong in this row of a file: a field with it, or the `file` or the `row` itself."""

    row: int
    field: str
    message: str
    code: str


class WrongRows(Exception):
    """A file of which nothing was stored: `first` tells the first 1000 of its `errors`."""

    def __init__(self, rows: int, wrong_rows: int, errors: int, first: Sequence[WrongCell]) -> None:
        super().__init__(f"{errors} errors in {wrong_rows} rows")
        self.rows, self.wrong_rows, self.errors, self.first = rows, wrong_rows, errors, first


class Unready(ClinicError):
    """The database does not answer, or its schema is older than this code."""
