"""`planflow user password`, `unlock`, `disable`, `enable`, and a user's tokens for programs."""

import json
from typing import Annotated

import typer

from planflow.cli.accounts import at_site, typed_password
from planflow.cli.desk import of
from planflow.errors import Refusal

Name = Annotated[str, typer.Argument(metavar="NAME")]


def password(context: typer.Context, name: Name) -> None:
    """Put another password in place of a forgotten one."""
    from planflow.services import shell_accounts

    desk = of(context)
    typed = typed_password(desk)
    with at_site() as site:
        shell_accounts.set_password(site, name, typed)
    desk.put(desk.word("password_set", name=name), {"name": name})


def unlock(context: typer.Context, name: Name) -> None:
    """Hear a user again at once, however many sign-ins failed."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        shell_accounts.unlock(site, name)
    desk.put(desk.word("user_unlocked", name=name), {"name": name})


def drop_factor(context: typer.Context, name: Name) -> None:
    """Let a user who lost the second factor sign in without."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        shell_accounts.drop_factor(site, name)
    desk.put(desk.word("factor_dropped", name=name), {"name": name})


def link(
    context: typer.Context, name: Name, subject: Annotated[str, typer.Option(metavar="SUB")]
) -> None:
    """Let a user sign in at the identity provider."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        if site.settings.oidc_issuer is None:
            raise Refusal("provider_missing")
        shell_accounts.link(site, name, subject)
    desk.put(desk.word("user_linked", name=name), {"name": name})


def unlink(context: typer.Context, name: Name) -> None:
    """End that for a user."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        shell_accounts.unlink(site, name)
    desk.put(desk.word("user_unlinked", name=name), {"name": name})


def disable(context: typer.Context, name: Name) -> None:
    """Shut an account."""
    _disable(context, name, disabled=True)


def enable(context: typer.Context, name: Name) -> None:
    """Open an account again."""
    _disable(context, name, disabled=False)


def issue_token(
    context: typer.Context,
    name: Name,
    called: Annotated[str, typer.Option("--called", metavar="TEXT")],
    to: Annotated[str, typer.Option(metavar="DATE")],
    act: Annotated[bool, typer.Option("--act")] = False,
) -> None:
    """Print a token for a program, once."""
    from planflow.domain.identity import ServiceTerms
    from planflow.domain.parsing import parse
    from planflow.services import shell_accounts

    scopes = ["read", "act"] if act else ["read"]
    asked = {"name": called, "scopes": scopes, "to": to}
    command = parse(ServiceTerms, json.dumps(asked).encode())
    with at_site() as site:
        made = shell_accounts.make_service_token(site, name, command)
    data = made.model_dump(mode="json", by_alias=True, exclude={"event", "chain"})
    of(context).put(str(made.token), data)


def tokens(context: typer.Context, name: Name) -> None:
    """List a user's tokens for programs."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        found = shell_accounts.service_tokens_of(site, name)
    rows = [f"{one.id}  {one.to:%Y-%m-%d}  {' '.join(one.scopes)}  {one.name}" for one in found]
    shown = {"event", "chain", "token"}
    data = [one.model_dump(mode="json", by_alias=True, exclude=shown) for one in found]
    desk.put("\n".join(rows) or desk.word("no_tokens", name=name), data)


def end_token(
    context: typer.Context, name: Name, token: Annotated[str, typer.Argument(metavar="ID")]
) -> None:
    """End one of them."""
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        shell_accounts.end_service_token(site, name, token)
    desk.put(desk.word("token_ended", name=name, id=token), {"name": name, "id": token})


def _disable(context: typer.Context, name: str, *, disabled: bool) -> None:
    from planflow.services import shell_accounts

    desk = of(context)
    with at_site() as site:
        shell_accounts.disable(site, name, disabled=disabled)
    word = desk.word("user_disabled" if disabled else "user_enabled", name=name)
    desk.put(word, {"name": name, "disabled": disabled})
