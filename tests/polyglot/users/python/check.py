"""Every key of every user is young: a list in pages, then all users side by side."""

from dataclasses import dataclass
from pathlib import Path

from kit import Call, Findings, Needs, Pages, Report, Run, check, instant


@dataclass
class Config:
    url: str
    max_age_days: int


@check(
    name="users",
    version="0.1.0",
    summary="Every key of every user is young",
    config=Config,
    schema=Path(__file__).with_name("config.schema.json"),
    needs=Needs(hosts=["/url"]),
)
def run(run: Run[Config]) -> Report:
    url, allowed = run.config.url, run.config.max_age_days
    first = Call.get(f"{url}/users?page=1", purpose="users")
    users = [user["id"] for page in Pages(run, first, Pages.by_token("next", "page")) for user in page.json()["users"]]

    answers = run.send_all(Call.get(f"{url}/users/{user}/keys", purpose="keys") for user in users)
    findings = Findings("every key of every user, to the last page")
    for user, answer in zip(users, answers):
        with findings.attempt(user):
            for key in answer.json()["keys"]:
                with findings.subject(f"{user}/{key['id']}") as finding:
                    days = (run.now - instant(key["created"])).days
                    good = finding.at_most("age", days, "d", allowed)
                    finding.pass_if(good, f"created {days} days ago, at most {allowed} are allowed")

    return findings.report(f"{findings.not_passed} of {len(findings)} did not pass")
