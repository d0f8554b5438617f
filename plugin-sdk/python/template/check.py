"""An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon."""

from dataclasses import dataclass
from pathlib import Path

from kit import Failure, Findings, Needs, Report, Run, check


@dataclass
class Config:
    """As `config.schema.json` describes it."""

    max_latency_ms: int
    min_certificate_days: int
    status: int = 200


@check(
    name="{{name}}",
    version="0.1.0",
    summary="An HTTPS endpoint answers as expected, in time, and its certificate does not expire soon",
    config=Config,
    schema=Path(__file__).with_name("config.schema.json"),
    needs=Needs(inputs=["endpoint"]),
)
def run(run: Run[Config]) -> Report:
    endpoint = run.input("endpoint")
    if endpoint is None:
        raise Failure("bad-input", "input `endpoint` is missing")
    if endpoint.http is None:
        raise Failure("bad-input", "input `endpoint` is no answer of a server: give it by `http`")
    config, http = run.config, endpoint.http
    findings = Findings("status, latency and certificate of the input `endpoint`")

    # An exception in one of these blocks becomes the `error` finding of its subject.
    with findings.subject("status") as finding:
        finding.as_of(endpoint.observed)
        finding.measure("status", http.status, "1")
        finding.pass_if(http.status == config.status, f"answered {http.status}, expected {config.status}")

    with findings.subject("latency") as finding:
        finding.as_of(endpoint.observed)
        good = finding.at_most("latency", http.timings.total, "ms", config.max_latency_ms)
        finding.pass_if(good, f"at most {config.max_latency_ms} ms are allowed")

    with findings.subject("certificate") as finding:
        finding.as_of(endpoint.observed)
        if http.peer is None or not http.peer.chain:
            finding.error("no certificate was seen: is the URL https?")
        elif http.peer.untrusted is not None:
            finding.failed(f"not trusted: {http.peer.untrusted}")
        else:
            days = (http.peer.chain[0].not_after - run.now).days  # whole days, rounded down
            good = finding.at_least("days_left", days, "d", config.min_certificate_days)
            wanted = f"at least {config.min_certificate_days} are wanted"
            finding.pass_if(good, f"valid for {days} more days, {wanted}" if days >= 0 else f"expired {-days} days ago")

    return findings.report(f"{findings.not_passed} of {len(findings)} did not pass")
