"""The records of the contract (`wit/check.wit`) as dataclasses, with instants as `datetime`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def instant(text: str) -> datetime:
    """A moment from text of RFC 3339, in UTC: `(run.now - instant(key["created"])).days` are whole days, rounded down."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Failure("bad-input", f"not a date and time with a zone: `{str(text)[:64]}`") from None
    if moment.tzinfo is None:
        raise Failure("bad-input", f"not a date and time with a zone: `{text[:64]}`")
    return moment.astimezone(timezone.utc)


def instant_text(moment: datetime) -> str:
    """As the contract writes it: `2026-03-02T06:00:00.000Z`; what is smaller than a millisecond is cut."""
    if moment.tzinfo is None:
        raise ValueError("a datetime of a report needs a zone: use `run.now` or `instant(text)`")
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z".rjust(24, "0")


class Failure(Exception):
    """The control could not be tested at all. Raise it outside of `Findings.subject`, and the run ends with it.

    `kind` is one of internal, unreachable, denied, throttled, timeout, bad-input, unsupported.
    """

    KINDS = ("internal", "unreachable", "denied", "throttled", "timeout", "bad-input", "unsupported")

    def __init__(self, kind: str, message: str, source: str | None = None) -> None:
        if kind not in self.KINDS:
            raise ValueError(f"no kind of failure: {kind}")
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.source = source


class Status(Enum):
    """What a subject came to. `ERROR`, which is not looked at, is what it is until something else is said."""

    ERROR = "error"
    FAIL = "fail"
    PASS = "pass"
    NOT_APPLICABLE = "not-applicable"


@dataclass
class InputNeed:
    name: str
    media_type: str = ""
    optional: bool = False


@dataclass
class Needs:
    """What a check asks of its control's configuration."""

    #: Names, or `InputNeed` where there is more to say.
    inputs: list[InputNeed | str] = field(default_factory=list)
    #: JSON Pointers into the configuration, whose values are the URLs that the check calls: `["/url"]`.
    hosts: list[str] = field(default_factory=list)
    tls: bool = False
    state: bool = False
    history: bool = False
    interval: bool = False


@dataclass
class Interval:
    """Events with start <= time < until."""

    start: datetime
    until: datetime


@dataclass
class Limits:
    wall_ms: int
    memory_bytes: int
    report_bytes: int
    requests: int
    response_bytes: int


@dataclass
class Timings:
    """Milliseconds, measured by the host."""

    resolve: float = 0.0
    connect: float = 0.0
    handshake: float = 0.0
    first_byte: float = 0.0
    total: float = 0.0


@dataclass
class Certificate:
    subject: str
    issuer: str
    serial: str
    names: list[str]
    not_before: datetime
    not_after: datetime
    key: str
    digest: str


@dataclass
class Peer:
    """The other side of a TLS connection."""

    address: str
    protocol: str
    cipher: str
    #: None: the chain leads to a trusted root and the name matches; else why not.
    untrusted: str | None
    chain: list[Certificate]


@dataclass
class Exchange:
    """What happened on the way, the body apart."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    timings: Timings = field(default_factory=Timings)
    peer: Peer | None = None
    attempts: int = 1


@dataclass
class Input:
    """Where the bytes of an input came from. Read them with `run.read(name)`."""

    name: str
    source: str
    query: str
    media_type: str
    observed: datetime
    bytes: int
    rows: int | None
    #: What the source itself says that there is.
    source_total: int | None
    digest: str
    #: Of inputs by `http` only.
    http: Exchange | None


@dataclass
class Measurement:
    name: str
    value: float
    unit: str
    limit: float | None = None


@dataclass
class Finding:
    subject: str
    status: Status = Status.ERROR
    message: str = ""
    label: str | None = None
    attention: bool = False
    measurements: list[Measurement] = field(default_factory=list)
    as_of: datetime | None = None
    event: str | None = None
    #: Keys are `vendor:name`, values anything that JSON can hold.
    extensions: dict[str, object] = field(default_factory=dict)


@dataclass
class Attachment:
    name: str
    media_type: str
    body: bytes


@dataclass
class Report:
    """Made by `Findings.report`."""

    summary: str
    population: int
    population_query: str
    findings: list[Finding]
    source_total: int | None = None
    #: `every-subject`: one that is missing is gone; `not-passing`: it is not known.
    listing: str = "every-subject"
    incomplete: str | None = None
    covered_until: datetime | None = None
    attachments: list[Attachment] = field(default_factory=list)
    extensions: dict[str, object] = field(default_factory=dict)


@dataclass
class Point:
    """One earlier measurement."""

    slot: datetime
    subject: str
    status: Status
    value: float


@dataclass
class Slots:
    """How the slots of an interval ended; `late` is part of `run`."""

    due: int
    run: int
    late: int
    passed: int
    failed: int
    error: int
    not_applicable: int
    missed: int
