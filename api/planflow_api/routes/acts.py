"""The acts on a plan as a table: what each is called, takes and means.

The examples follow Liuzhou's plan of 2019. The city's figures are published; the counties' shares
are not, and stand here for the form alone.
"""

from dataclasses import dataclass
from typing import Any

from planflow.domain import commands
from planflow.domain.commands import Command

Example = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the table. Acts on a commitment, correction or paper stand below it in the URL."""

    command: type[Command]
    meaning: str
    example: Example
    summary: str
    method: str = "POST"
    status: int = 200
    below: str = ""

    @property
    def name(self) -> str:
        """The last segment of its path."""
        return self.command.action

    @property
    def path(self) -> str:
        """Its path below the plans of a cycle."""
        return f"/{{unit}}{self.below}/{self.name}"

    @property
    def subject(self) -> str:
        """What its path calls the thing it is about; empty where it is the plan itself."""
        return self.below.partition("{")[2].rstrip("}")


_DRAFT: Example = {
    "figures": {"persons": 82052, "villages": 103},
    "reasons": {"persons": {"reason_code": "field_check", "text": "市级抽查核实后上报"}},
    "also": {"stretch": {"persons": 85253}},
    "reconciling": [],
}
_ACCEPT: Example = {
    "note": "按市级核查数受理",
    "figures": {"persons": 82052},
    "reasons": {"persons": {"reason_code": "field_check"}},
}
_RETURN: Example = {
    "reason_code": "inconsistent",
    "text": "贫困村数与所附名单不一致，请核对",
    "lines": ["villages"],
}
_ISSUE: Example = {
    "total": {"persons": 85253, "villages": 95, "county_exit": 1},
    "allocations": [
        {
            "unit": "450200",
            "figures": {"persons": 85253, "villages": 95, "county_exit": 1},
            "also": {"funded": {"villages": 103}},
            "reasons": {
                "persons": {"reason_code": "overall_balance"},
                "villages": {"reason_code": "overall_balance"},
            },
        }
    ],
    "dated": "2019-04-10",
}
_DECIDE: Example = {
    "outcome": "amended",
    "figures": {"project": 480_000_000_00},
    "document_no": "柳人发〔2019〕1号",
    "dated": "2019-01-18",
}
_COMMIT: Example = {
    "indicator": "villages",
    "from": 95,
    "to": 103,
    "funded": True,
    "settle_in": "adjust",
    "reason": "二上所报103个村全部安排资金，一微调时任务数调为103",
}
_PASS_ON: Example = {
    "allocations": [{"unit": "450224", "amount": 3}, {"unit": "450225", "amount": 5}],
    "reserve": 0,
}
_HEADLINE: Example = {
    "choices": {"villages": {"round": "up2"}},
    "reason": "上级已答复按103个村安排",
}
_CORRECT: Example = {
    "round": "up2",
    "figures": {"persons": 4_812},
    "reason": "汇总时漏计一个乡，数为格式示例",
    "reason_code": "field_check",
}
_PAPER: Example = {
    "act": "issued",
    "figures": {"persons": 85253, "villages": 95, "county_exit": 1},
    "document_no": "桂扶领发〔2019〕5号",
    "dated": "2019-04-10",
}
_COMMITMENT = "/commitments/{commitment}"
_CORRECTION = "/corrections/{correction}"

ACTS = (
    Act(
        commands.SaveDraft,
        "Replace the unit's whole working copy, which only the unit itself sees.",
        _DRAFT,
        "柳州市二上的底稿 / Liuzhou's draft of the second up",
        method="PUT",
    ),
    Act(
        commands.Submit,
        "Send the working copy up. Its sums must be exact.",
        {"note": "二上"},
        "柳州市二上 / Liuzhou's second up",
    ),
    Act(
        commands.Withdraw,
        "Take a submission back before the parent has acted on it.",
        {"reason": "补充融安县材料"},
        "柳州市撤回 / Liuzhou withdraws",
    ),
    Act(
        commands.Accept,
        "Take a child's figures into the round, as reported or with the parent's own.",
        _ACCEPT,
        "自治区受理柳州市二上 / The region accepts",
    ),
    Act(
        commands.Return,
        "Send a child's submission back, with a reason; with lines (indicators), only these unlock.",
        _RETURN,
        "自治区退回柳州市二上 / The region returns",
    ),
    Act(
        commands.Issue,
        "Issue figures to every participating child in one act; again while the round is open, "
        "it supersedes.",
        _ISSUE,
        "二下 / The second down, to Liuzhou alone",
    ),
    Act(
        commands.Acknowledge,
        "Sign for the figures issued.",
        {},
        "柳州市签收二下 / Liuzhou signs",
    ),
    Act(
        commands.Present,
        "Send the root's figures before the assembly that decides.",
        {"note": "提请审议"},
        "提交大会审议 / Before the assembly",
    ),
    Act(
        commands.Decide,
        "Record what was decided: approved as presented, amended to other figures, or rejected, "
        "which opens an earlier round once more.",
        _DECIDE,
        "大会批准，调减项目支出 / Amended by the assembly; an example of the form",
    ),
    Act(
        commands.Extend,
        "Give this unit more time in the open round, with a reason.",
        {"due_at": "2199-03-05", "reason": "入户核查未完，延期三天"},
        "融水县二上延期 / More time for Rongshui",
        status=201,
    ),
    Act(
        commands.Commit,
        "Promise this unit another figure, to be settled in a later round.",
        _COMMIT,
        "95个村调为103个村的答复 / The promise of 103 villages",
        status=201,
    ),
    Act(
        commands.DistributeCommitment,
        "Pass a promise on to the children in one act that adds up to its difference.",
        _PASS_ON,
        "分到县，分数未公布，仅为格式示例 / To the counties; shares invented",
        below=_COMMITMENT,
    ),
    Act(
        commands.FulfilCommitment,
        "Settle a promise: its figure becomes the base of the settling round.",
        {},
        "一微调兑现103个村 / The one adjust settles it",
        below=_COMMITMENT,
    ),
    Act(
        commands.WaiveCommitment,
        "Take a promise back, with the issuer's reason.",
        {"reason": "经核实不再调整"},
        "撤销答复 / The promise is waived",
        below=_COMMITMENT,
    ),
    Act(
        commands.ChooseHeadline,
        "Let another number stand as the headline, with a reason.",
        _HEADLINE,
        "以二上的103个村为准 / 103 villages, from the second up",
        method="PUT",
    ),
    Act(
        commands.Correct,
        "Propose other figures of this unit in a closed round; levels above follow. Somebody else "
        "approves. One that cites a resolution is an amendment.",
        _CORRECT,
        "融水县二上更正 / A county's figure corrected; an example of the form",
        status=201,
    ),
    Act(
        commands.ApproveCorrection,
        "Let a proposed correction take effect, in every plan it touches at once.",
        {},
        "批准更正 / The correction is approved",
        below=_CORRECTION,
    ),
    Act(
        commands.RejectCorrection,
        "Turn a proposed correction down, with a reason.",
        {"reason": "与名单不符"},
        "不予更正 / The correction is turned down",
        below=_CORRECTION,
    ),
    Act(
        commands.ConfirmIssue,
        "Let an issue take effect that a colleague proposed, where the protocol asks for two persons.",
        {},
        "复核下达 / A second person confirms",
        below="/issue",
    ),
    Act(
        commands.RecordPaper,
        "Record what the root's own parent, who is on paper, issued or accepted in the open round.",
        _PAPER,
        "登记上级下达文件 / The parent's document; its number is an example of the form",
        status=201,
    ),
    Act(
        commands.AttestPaper,
        "Confirm that a colleague recorded a paper as it is.",
        {},
        "复核登记 / A second person confirms the record",
        below="/paper/{paper}",
    ),
)
