"""The token that a request bears."""


def bearer(authorization: str | None) -> str:
    """The one token that a header of this name tells, however it is spelt; empty where it tells none."""
    scheme, _, credentials = (authorization or "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else ""
