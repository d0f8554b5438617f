"""A report in the making: one finding for every subject, also for those that pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from .contract import Attachment, Failure, Finding, Measurement, Report, Status


def words_of(error: Exception) -> str:
    """What an exception says; one of Python's own with its class, since `'created'` alone says little."""
    return str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"


class Draft:
    """One finding in the making. It is an `error` until a verdict is given."""

    def __init__(self, subject: str) -> None:
        self._finding = Finding(subject, message="the check gave no verdict")
        self._not_finite: str | None = None

    @property
    def status(self) -> Status:
        return self._finding.status

    def passed(self, message: str, *, attention: bool = False) -> None:
        """`attention`: passes, but a person should look. It is shown in summaries, never alerted."""
        self._verdict(Status.PASS, message)
        self._finding.attention = attention

    def failed(self, message: str) -> None:
        self._verdict(Status.FAIL, message)

    def not_applicable(self, message: str) -> None:
        self._verdict(Status.NOT_APPLICABLE, message)

    def error(self, message: str) -> None:
        """This subject could not be tested. An exception says the same."""
        self._verdict(Status.ERROR, message)

    def pass_if(self, good: bool, message: str) -> None:
        self.passed(message) if good else self.failed(message)

    def measure(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        """A value to chart. One that is not finite makes the finding an `error`."""
        value = float(value)
        limit = None if limit is None else float(limit)
        if math.isfinite(value) and (limit is None or math.isfinite(limit)):
            self._finding.measurements.append(Measurement(name, value, unit, limit))
        elif self._not_finite is None:
            self._not_finite = name

    def at_most(self, name: str, value: float, unit: str, limit: float) -> bool:
        """Records a value, and answers whether it is at most `limit`: on the limit is good."""
        self.measure(name, value, unit, limit)
        return value <= limit

    def at_least(self, name: str, value: float, unit: str, limit: float) -> bool:
        """Records a value, and answers whether it is at least `limit`: on the limit is good."""
        self.measure(name, value, unit, limit)
        return value >= limit

    def label(self, label: str) -> None:
        """A name for people; it may change from run to run."""
        self._finding.label = label

    def as_of(self, moment: datetime) -> None:
        """When this was true at the source."""
        self._finding.as_of = moment

    def event(self, id: str) -> None:
        """The source's own id of the event, for checks that read events: it is counted once."""
        self._finding.event = id

    def extension(self, key: str, value: object) -> None:
        self._finding.extensions[key] = value

    def _verdict(self, status: Status, message: str) -> None:
        self._finding.status = status
        self._finding.message = message
        self._finding.attention = False

    def _done(self) -> Finding:
        if self._not_finite is not None and self._finding.status is not Status.ERROR:
            self.error(f"the measurement `{self._not_finite}` is not a finite number")
        return self._finding


class Findings:
    """No findings yet. `population_query` tells the auditor how the subjects were found."""

    def __init__(self, population_query: str) -> None:
        self.population_query = population_query
        self.incomplete: str | None = None
        self.covered_until: datetime | None = None
        self._findings: list[Finding] = []
        self._population: int | None = None
        self._source_total: int | None = None
        self._attachments: list[Attachment] = []
        self._extensions: dict[str, object] = {}

    @contextmanager
    def subject(self, subject: str) -> Iterator[Draft]:
        """Looks at one subject: `with findings.subject(id) as finding:`. An exception in the block becomes the `error`
        finding of this subject, and the loop around it goes on."""
        draft = Draft(subject)
        try:
            yield draft
        except Exception as error:
            draft.error(words_of(error))
        self._findings.append(draft._done())

    @contextmanager
    def attempt(self, subject: str) -> Iterator[None]:
        """For what makes several findings, or none: only an exception in the block becomes a finding, the `error` of
        this subject."""
        try:
            yield
        except Exception as error:
            with self.subject(subject) as finding:
                finding.error(words_of(error))

    def population(self, subjects: int) -> None:
        """Subjects in scope, when they are more than those that are listed: only those that do not pass."""
        self._population = subjects

    def source_total(self, total: int, listed: int) -> None:
        """What the source itself says that there is. When it differs from what was `listed`, a finding fails."""
        self._source_total = total
        if total != listed:
            with self.subject("population-mismatch") as finding:
                finding.failed(f"the source says that there are {total}, and lists {listed}")

    def attach(self, name: str, media_type: str, body: bytes) -> None:
        self._attachments.append(Attachment(name, media_type, body))

    def extension(self, key: str, value: object) -> None:
        """Room to grow: keys are `vendor:name`."""
        self._extensions[key] = value

    def count(self, *statuses: Status) -> int:
        return sum(finding.status in statuses for finding in self._findings)

    @property
    def not_passed(self) -> int:
        """Those that are not `pass`."""
        return len(self) - self.count(Status.PASS)

    def __len__(self) -> int:
        return len(self._findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def report(self, summary: str) -> Report:
        """The report. Its population is the number of findings unless `population` said another."""
        every = self._population is None
        return Report(
            summary=summary,
            population=len(self) if self._population is None else self._population,
            population_query=self.population_query,
            findings=self._findings,
            source_total=self._source_total,
            listing="every-subject" if every else "not-passing",
            incomplete=self.incomplete,
            covered_until=self.covered_until,
            attachments=self._attachments,
            extensions=self._extensions,
        )
