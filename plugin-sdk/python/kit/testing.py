"""Runs a check on recorded answers, on the laptop and without WebAssembly.

    host = FakeHost()
    host.answer("https://api.example.com/users?page=1", {"users": [], "next": None})
    report = run_check(check.run, {"url": "https://api.example.com"}, host, now="2026-03-02T06:00:00Z")
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .calls import Call, CallError, Response
from .contract import Certificate, Exchange, Failure, Input, Interval, Peer, Point, Report, Slots, Timings, instant
from .host import Facts
from .run import Check


class FakeHost:
    """Answers what it was told, and notes what it was asked. A call that nobody told it about is refused."""

    def __init__(self) -> None:
        self.asked: list[Call] = []
        self.logged: list[str] = []
        self.state: dict[str, bytes] = {}
        self.inputs: list[Input] = []
        self._bodies: dict[str, bytes] = {}
        self._answers: dict[tuple[str, str], tuple[Exchange, bytes] | tuple[str, str]] = {}

    def answer(self, url: str, body: object = b"", *, status: int = 200, method: str = "GET", **exchange: Any) -> None:
        """`body` is bytes, text, or what is sent as JSON; `headers`, `peer` and `timings` may be given, too."""
        self._answers[method, url] = (Exchange(status, **exchange), _bytes_of(body))

    def error(self, url: str, case: str, why: str = "as the test says", *, method: str = "GET") -> None:
        """`case`: refused, unreachable, timeout, tls, limit."""
        self._answers[method, url] = (case, why)

    def input(self, name: str, body: object = b"", *, http: Exchange | None = None, observed: str | None = None) -> None:
        """An input; by `http` when an exchange is given."""
        content = _bytes_of(body)
        moment = instant(observed or "2026-01-01T00:00:00Z")
        source = f"https://{name}.example" if http else f"file:{name}"
        self.inputs.append(Input(name, source, "", "", moment, len(content), None, None, "sha256:" + "0" * 64, http))
        self._bodies[name] = content

    # The seam.

    def log(self, level: str, message: str) -> None:
        self.logged.append(f"{level}: {message}")

    def send_all(self, calls: list[Call]) -> list[Response]:
        return [self._send(call) for call in calls]

    def _send(self, call: Call) -> Response:
        self.asked.append(call)
        match self._answers.get((call.method, call.url), ("refused", f"the test has no answer to {call.url}")):
            case (Exchange() as exchange, bytes() as body):
                response = Response(call, exchange, body)
                if 200 <= exchange.status <= 299 or exchange.status in call.accept:
                    return response
                return Response(call, error=CallError(call, "status", response=response))
            case (str() as case, str() as why):
                return Response(call, error=CallError(call, case, why))
        raise AssertionError("an answer has one of two forms")

    def handshake(self, host: str, port: int) -> list[Peer | Failure]:
        raise Failure("unsupported", f"the test has no handshake with {host}:{port}")

    def read(self, name: str) -> bytes:
        if name not in self._bodies:
            raise Failure("unsupported", f"the control has no input `{name}`", name)
        return self._bodies[name]

    def read_text(self, name: str) -> str:
        return self.read(name).decode()

    def open(self, name: str) -> Callable[[int], bytes]:
        rest = self.read(name)

        def read(size: int) -> bytes:
            nonlocal rest
            piece, rest = rest[:size], rest[size:]
            return piece

        return read

    def state_get(self, key: str) -> bytes | None:
        return self.state.get(key)

    def state_set(self, key: str, value: bytes) -> None:
        self.state[key] = value

    def state_remove(self, key: str) -> None:
        self.state.pop(key, None)

    def state_keys(self) -> list[str]:
        return sorted(self.state)

    def points(self, control: str | None, measurement: str, during: Interval) -> list[Point]:
        return []

    def slots_in(self, control: str | None, during: Interval) -> Slots:
        return Slots(0, 0, 0, 0, 0, 0, 0, 0)


def run_check(
    check: Check[Any],
    config: dict[str, Any],
    host: FakeHost | None = None,
    *,
    now: str = "2026-03-02T06:00:00Z",
    interval: Interval | None = None,
) -> Report:
    """The report; raises `Failure` when the control could not be tested."""
    host = host or FakeHost()
    moment: datetime = instant(now)
    facts = Facts("TEST-01", "sha256:" + "0" * 64, moment, moment, interval, host.inputs)
    return check(facts, json.loads(json.dumps(config)), host)


def exchange(
    status: int = 200, *, total_ms: float = 0.0, not_after: str | None = None, untrusted: str | None = None
) -> Exchange:
    """What the host saw of a server; with `not_after`, it showed a certificate that ends then."""
    peer = None
    if not_after is not None:
        start = instant("2026-01-01T00:00:00Z")
        chain = [Certificate("CN=example", "CN=example CA", "01", [], start, instant(not_after), "EC P-256", "sha256:")]
        peer = Peer("192.0.2.1:443", "TLSv1.3", "TLS13_AES_256_GCM_SHA384", untrusted, chain)
    return Exchange(status, timings=Timings(total=total_ms), peer=peer)


def _bytes_of(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
