"""Password hashes and signed tokens; no HTTP, no database."""

import secrets
import time
import warnings
from typing import Any, NamedTuple

from jose import jwk, jwt

from clinic_api.config import Settings
from clinic_api.errors import Invalid, Unauthenticated

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # passlib imports `crypt`, which Python 3.13 no longer has
    from passlib.context import CryptContext

ALGORITHM = "HS256"
ISSUER = "clinic-api"
LONGEST_TOKEN = 4096  # characters


class Passwords:
    """Hashes and checks passwords with bcrypt over SHA-256, so that neither length nor NUL is lost."""

    def __init__(self, settings: Settings) -> None:
        self.context = CryptContext(["bcrypt_sha256"], bcrypt_sha256__rounds=settings.bcrypt_rounds)
        self.min_length = settings.password_min_length

    def hash(self, password: str, email: str, field: str) -> str:
        """The hash to store. Raises Invalid, naming `field`, for a password that is too short or is the e-mail."""
        if len(password) < self.min_length:
            raise Invalid(field, f"must have at least {self.min_length} characters", "too_short")
        if password.casefold().strip() == email.casefold():
            raise Invalid(field, "must not be the e-mail address", "password_is_email")
        return str(self.context.hash(password))

    def match(self, password: str, hashed: str | None) -> bool:
        """Whether this is the password; no hash (an unknown account) takes as long as a wrong password."""
        return bool(self.context.verify(password, hashed))


class Token(NamedTuple):
    """What an access token says: who asks. What they may do is read from the database."""

    user_id: int


class Tokens:
    """Signs and reads access tokens (RFC 7519, HS256) that live `minutes`."""

    def __init__(self, secret: str, minutes: int) -> None:
        self.key = jwk.construct(secret, ALGORITHM)
        self.lifetime = minutes * 60  # seconds

    def sign(self, user_id: int, role: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "sub": str(user_id),
            "role": role,
            "typ": "access",
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + self.lifetime,
            "iss": ISSUER,
            "aud": ISSUER,
        }
        return str(jwt.encode(claims, self.key, ALGORITHM))

    def read(self, text: str) -> Token:
        """What the token says. Raises Unauthenticated for whatever is not a valid access token of this server."""
        try:
            if len(text) > LONGEST_TOKEN or not text.isascii() or text.count(".") != 2:
                raise ValueError
            options = {f"require_{claim}": True for claim in ("sub", "jti", "iat", "exp", "iss", "aud")}
            claims = jwt.decode(text, self.key, [ALGORITHM], options=options, audience=ISSUER, issuer=ISSUER)
            if claims["typ"] != "access":
                raise ValueError
            return Token(int(claims["sub"]))
        except Exception:  # python-jose lets RecursionError, TypeError and OverflowError out of a crafted token
            raise Unauthenticated("The access token is not valid or has expired. Sign in again.") from None
