"""One run of a check: what it is told, and the only way to ask the outside world."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from .calls import Call, Response
from .contract import Failure, Input, InputNeed, Interval, Limits, Needs, Peer, Point, Report, Slots
from .host import Facts, Host

C = TypeVar("C")


class Run(Generic[C]):
    """What a check gets. `config` is the control's configuration, `now` the only clock."""

    def __init__(self, config: C, facts: Facts, host: Host) -> None:
        self.config = config
        self.control: str = facts.control
        #: The scheduled time; a late run has `now` well after it.
        self.slot: datetime = facts.slot
        #: In UTC. It stands still during the run.
        self.now: datetime = facts.now
        self.inputs: list[Input] = facts.inputs
        #: 32 bytes; `random` is seeded with them.
        self.seed: bytes = facts.seed
        self.limits: Limits = facts.limits
        self.extensions: dict[str, Any] = facts.extensions
        self._interval = facts.interval
        self._host = host
        self._incomplete: str | None = None

    @property
    def interval(self) -> Interval:
        """The events to judge; only for checks whose needs say `interval`."""
        if self._interval is None:
            raise Failure("internal", "the check reads events and was given no interval; its needs must say so")
        return self._interval

    # What the host gathered before the run.

    def input(self, name: str) -> Input | None:
        """Where an input came from; None when the control has none of this name."""
        return next((input for input in self.inputs if input.name == name), None)

    def read(self, name: str) -> bytes:
        """An input whole, for what fits into memory."""
        return self._host.read(name)

    def read_text(self, name: str) -> str:
        return self._host.read_text(name)

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self._host.read(name))
        except ValueError as error:
            why = f"the input `{name}` is not the JSON that was expected: {error}"
            raise Failure("bad-input", why, name) from None

    def open(self, name: str) -> io.BufferedReader:
        """An input in pieces, as a file of bytes: for what does not fit into memory."""
        return io.BufferedReader(_Pieces(self._host.open(name)), 65_536)

    def lines(self, name: str) -> Iterator[str]:
        """The lines of an input, one after the other, without their ends."""
        with io.TextIOWrapper(self.open(name), encoding="utf-8") as text:
            for line in text:
                yield line.removesuffix("\n").removesuffix("\r")

    def csv(self, name: str) -> Iterator[dict[str, str]]:
        """The records of an input of CSV by the names of its first line."""
        with io.TextIOWrapper(self.open(name), encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text, strict=True)

    # The outside world.

    def send(self, call: Call) -> Response:
        """Sends one request and waits for its answer; raises `CallError` when there is none that counts."""
        [response] = self._host.send_all([call])
        if response.error is not None:
            raise response.error
        return response

    def send_all(self, calls: Iterable[Call]) -> list[Response]:
        """Sends requests side by side; answers come in the order of the requests. One that failed raises its
        `CallError` when it is asked for anything."""
        return self._host.send_all(list(calls))

    def get(self, url: str, **more: Any) -> Response:
        """`run.get(url, purpose="users").json()`; see `Call.get`."""
        return self.send(Call.get(url, **more))

    def post(self, url: str, **more: Any) -> Response:
        return self.send(Call.post(url, **more))

    def handshake(self, host: str, port: int) -> list[Peer | Failure]:
        """A TLS handshake and no more, with every address of a name. An untrusted chain is an answer, no error."""
        return self._host.handshake(host, port)

    @property
    def state(self) -> State:
        """The small map that a control keeps between its runs."""
        return State(self._host)

    def points(self, measurement: str, during: Interval, control: str | None = None) -> list[Point]:
        """Earlier measurements of a control, None being this one; oldest first."""
        return self._host.points(control, measurement, during)

    def slots_in(self, during: Interval, control: str | None = None) -> Slots:
        """How the slots of a control ended, None being this one."""
        return self._host.slots_in(control, during)

    def log(self, message: str, level: str = "info") -> None:
        """A line in the daemon's log, never evidence; `print` and `logging` go there too."""
        self._host.log(level, message)

    def note_incomplete(self, why: str) -> None:
        """Says that not everything in scope was looked at. The first reason stays, and reaches the report by itself."""
        if self._incomplete is None:
            self._incomplete = why


class State(MutableMapping[str, bytes]):
    """A `dict` of bytes. Writes take effect only if the run returns a report."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __getitem__(self, key: str) -> bytes:
        value = self._host.state_get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._host.state_set(key, value)

    def __delitem__(self, key: str) -> None:
        self._host.state_remove(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._host.state_keys())

    def __len__(self) -> int:
        return len(self._host.state_keys())


class _Pieces(io.RawIOBase):
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


@dataclasses.dataclass
class Check(Generic[C]):
    """A function made a check by `@check(…)`."""

    name: str
    version: str
    summary: str
    schema: str
    needs: Needs
    config: type[C] | None
    function: Callable[[Run[C]], Report]

    def __call__(self, facts: Facts, config: dict[str, Any], host: Host) -> Report:
        """Runs the check. Raises nothing but `Failure`: whatever else was raised is an internal one."""
        try:
            run = Run(self._configured(config), facts, host)
            report = self.function(run)
            if not isinstance(report, Report):
                raise Failure("internal", f"the check returned {type(report).__name__} and no report")
            if report.incomplete is None:
                report.incomplete = run._incomplete
            return report
        except Failure:
            raise
        except BaseException as error:  # `sys.exit()`, too
            host.log("error", "".join(traceback.format_exception(error)).rstrip())
            raise Failure("internal", f"{type(error).__name__}: {error}") from error

    def inputs_needed(self) -> list[InputNeed]:
        return [InputNeed(need) if isinstance(need, str) else need for need in self.needs.inputs]

    def _configured(self, config: dict[str, Any]) -> Any:
        if self.config is None:
            return config
        try:
            return self.config(**config)
        except TypeError as error:
            why = str(error).removeprefix(f"{self.config.__qualname__}.__init__() ")
            raise Failure("bad-input", f"the configuration does not fit the check: {why}") from None


def check(
    *,
    name: str,
    version: str,
    summary: str,
    needs: Needs | None = None,
    config: type[C] | None = None,
    schema: Path | str = "",
) -> Callable[[Callable[[Run[C]], Report]], Check[C]]:
    """Makes a function a check. `config` is a dataclass with a field for each key of the configuration (left out: the
    configuration is a `dict`); `schema` is the file of its JSON Schema, read when the plugin is built, or its text."""
    text = schema.read_text(encoding="utf-8") if isinstance(schema, Path) else schema

    def made(function: Callable[[Run[C]], Report]) -> Check[C]:
        return Check(name, version, summary, text, needs or Needs(), config, function)

    return made
