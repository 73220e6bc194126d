"""What went wrong as a sentence, with its exit code."""

import re
import traceback
from pathlib import Path
from typing import Any

from typer.exceptions import Abort, TyperException

from planflow.cli.desk import Desk
from planflow.errors import Fault, Finding, PlanflowError
from planflow.messages import sentence
from planflow.messages.catalogue import catalogue

FAILED, MISUSED = 1, 2
_TOLD_AT_MOST = 3
_NO_COMMAND = re.compile(r"No such command '(.*?)'\.(?: Did you mean (.*)\?)?")


def told(error: Exception, desk: Desk) -> tuple[str, int]:
    """The sentence of an error, and the exit code that goes with it."""
    if isinstance(error, TyperException):
        return _misuse(error, desk), error.exit_code
    if isinstance(error, PlanflowError):
        findings = [
            sentence(one.code, one.params, desk.lang, error.terms) for one in error.findings
        ]
        return _with(
            sentence(error.code, error.params, desk.lang, error.terms), findings, desk
        ), FAILED
    if isinstance(error, Abort):
        return desk.word("input_ended"), FAILED
    return _foreign(error, desk) or _defect(error, desk), FAILED


def located(file: str, finding: Finding, lang: str) -> str:
    """A finding in a file as compilers write it: FILE:LINE: sentence."""
    text = sentence(finding.code, finding.params, lang)
    for name in ("row", "line"):
        if name in finding.params:
            # The sentence begins with the same place in words.
            place = catalogue(lang)[f"places.{name}"].format_map(finding.params)
            return f"{file}:{finding.params[name]}: {text.removeprefix(place)}"
    return f"{file}: {text}"


def _with(text: str, details: list[str], desk: Desk) -> str:
    """A sentence with the first of its details."""
    shown = details[:_TOLD_AT_MOST]
    if len(details) > len(shown):
        shown.append(desk.word("more", count=len(details) - len(shown)))
    return ("" if desk.lang == "zh" else " ").join([text, *shown])


def _misuse(error: TyperException, desk: Desk) -> str:
    """Typer's own words are English only: its kinds of error by their names."""
    facts: dict[str, Any] = vars(error)
    match type(error).__name__:
        case "NoSuchOption":
            near = ", ".join(facts.get("possibilities") or ())
            return desk.word("no_such_option", option=facts["option_name"], suggestion=near)
        case "MissingParameter":
            return desk.word("missing_parameter", name=_name(facts))
        case "BadParameter":
            return desk.word("bad_parameter", name=_name(facts), known=_choices(facts))
        case "UsageError" if found := _NO_COMMAND.match(error.message):
            near = (found[2] or "").replace("'", "")
            return desk.word("no_such_command", command=found[1], suggestion=near)
        case _:
            return desk.word("usage", detail=error.format_message().strip().rstrip("."))


def _name(facts: dict[str, Any]) -> str:
    """The option or argument as one types it."""
    param = facts.get("param")
    if facts.get("param_hint") or param is None:
        return str(facts.get("param_hint") or "")
    return param.opts[-1] if param.param_type_name == "option" else str(param.display_name_raw)


def _choices(facts: dict[str, Any]) -> str:
    described = getattr(facts.get("param"), "type_descriptor", None)
    return ", ".join(map(str, getattr(described, "choices", None) or ()))


def _foreign(error: Exception, desk: Desk) -> str:
    """What packages raise and a person can do something about; empty for all else."""
    import httpx
    from pydantic import ValidationError

    from planflow.client import ProblemError

    match error:
        case ProblemError():
            problem = error.problem
            parts = [*problem.get("guards", ()), *problem.get("errors", ())]
            return _with(str(error), [str(part.get("text", "")) for part in parts], desk)
        case httpx.HTTPError() | httpx.InvalidURL():
            return desk.word("unreachable", url=_address(error))
        case ValidationError() if error.title == "Settings":
            names = ", ".join(f"PLANFLOW_{str(one['loc'][0]).upper()}" for one in error.errors())
            return told(Fault("bad_setting", {"names": names}), desk)[0]
        case OSError():
            params = {"path": str(error.filename or "-"), "detail": error.strerror or ""}
            return told(Fault("file_unreadable", params), desk)[0]
    return ""


def _address(error: Exception) -> str:
    try:
        return str(getattr(error, "request").url)  # noqa: B009 - a property that may raise
    except (AttributeError, RuntimeError):
        return "--url"


def _defect(error: Exception, desk: Desk) -> str:
    """A mistake of ours, with the place where it shows."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "planflow" in Path(one.filename).parts] or frames[-1:]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "-"
    return desk.word("defect", name=type(error).__name__, place=place)
