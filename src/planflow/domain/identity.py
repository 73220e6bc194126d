"""What a person asks about how they are known. Field names are the HTTP contract's."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from planflow.domain.figures import Name, Noun, Text
from planflow.domain.moments import Moment
from planflow.domain.units import UnitCode

Secret = str  # its length is the policy's to judge, in its own words


class ChangePassword(Noun):
    """Another password in place of one's own; whoever else is signed in with it is signed out."""

    current: Secret
    new: Secret


class EnrolFactor(Noun):
    """Begin to have a second factor: the password again, so that a stolen token is not enough."""

    password: Secret


class ConfirmFactor(Noun):
    """Show that the secret has arrived, by a code that it makes."""

    code: str


class DropFactor(Noun):
    """Do without the second factor again: by the password and a code."""

    password: Secret
    code: str


class AddAccount(Noun):
    """An account with its first role; its holder changes the password at once."""

    name: str
    password: Secret
    role: str
    unit: UnitCode | None = None


class GiveGrant(Noun):
    """A role for an account, at once or from a day, for good or to a day."""

    role: str
    unit: UnitCode | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None


class EndGrant(Noun):
    """End a role, given or delegated."""

    reason: Text = ""


class ChangeAccount(Noun):
    """Unlock, shut or open an account, or drop its second factor."""

    reason: Text = ""


class LinkIdentity(Noun):
    """Let somebody sign in by who they are at the site's identity provider."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    reason: Text = ""


class ServiceTerms(Noun):
    """What a token for a program may be used for, and until when. `act` takes `read` along."""

    name: Name
    scopes: list[Literal["read", "act"]] = Field(min_length=1, max_length=2)
    to: Moment


class NewServiceToken(ServiceTerms):
    """A token for a program: by the password, and a code where there is a second factor."""

    password: Secret
    code: str = ""


class EndServiceToken(Noun):
    """End a service token before its time."""

    reason: Text = ""
