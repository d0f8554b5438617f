"""A check in Python: `@check(…)` on one function that gets a `Run` and returns a `Report`.

    from kit import Findings, Needs, Report, Run, check

    @check(name="backup-age", version="0.1.0", summary="Backups are young", needs=Needs(inputs=["backups"]))
    def run(run: Run) -> Report:
        findings = Findings("every row of the input `backups`")
        for row in run.read_json("backups"):
            with findings.subject(row["id"]) as finding:          # an error in here is this subject's
                age = (run.now - instant(row["made"])).days
                good = finding.at_most("age", age, "d", run.config["max_age_days"])
                finding.pass_if(good, f"made {age} days ago")
        return findings.report("backups were looked at")

What was not looked at never passes by accident: an error inside of `subject` is that subject's `error` finding, an
error outside of it the failure of the run, and a subject without a verdict is an `error`.
"""

from .calls import Call, CallError, Pages, Response
from .contract import (
    Attachment,
    Certificate,
    Exchange,
    Failure,
    Finding,
    Input,
    InputNeed,
    Interval,
    Limits,
    Measurement,
    Needs,
    Peer,
    Point,
    Report,
    Slots,
    Status,
    Timings,
    instant,
    instant_text,
)
from .findings import Draft, Findings
from .run import Check, Run, State, check

__all__ = [
    "Attachment", "Call", "CallError", "Certificate", "Check", "Draft", "Exchange", "Failure", "Finding", "Findings",
    "Input", "InputNeed", "Interval", "Limits", "Measurement", "Needs", "Pages", "Peer", "Point", "Report", "Response",
    "Run", "Slots", "State", "Status", "Timings", "check", "instant", "instant_text",
]
