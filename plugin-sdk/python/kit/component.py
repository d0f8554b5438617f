"""Between the component's generated types and the kit's: the only code of the kit that a native test does not run.
Nothing here decides anything."""

from . import sandbox

sandbox.install()  # before the check is imported, which may take `datetime` and `random` for its own

import json  # noqa: E402
from datetime import datetime  # noqa: E402

import check as project  # noqa: E402
from componentize_py_types import Err, Ok  # noqa: E402
from wit_world import exports  # noqa: E402
from wit_world.imports import history, http, inputs, log, state, tls, types  # noqa: E402

from . import contract as kit  # noqa: E402
from .calls import Call, CallError, Response  # noqa: E402
from .host import Facts  # noqa: E402
from .run import Check  # noqa: E402

[CHECK] = [value for value in vars(project).values() if isinstance(value, Check)]


class Checker(exports.Checker):
    def describe(self) -> types.Description:
        needs = CHECK.needs
        return types.Description(
            CHECK.name,
            CHECK.version,
            CHECK.summary,
            CHECK.schema,
            types.Needs(
                [types.InputNeed(need.name, need.media_type, need.optional) for need in CHECK.inputs_needed()],
                needs.hosts,
                needs.tls,
                needs.state,
                needs.history,
                needs.interval,
            ),
            [],
        )

    def run(self, request: types.Request) -> types.Report:
        try:
            facts = _facts_in(request)
            sandbox.begin(facts.now, facts.seed, lambda level, line: log.write(log.Level[level.upper()], _text(line)))
            return _report_out(CHECK(facts, json.loads(request.config), _Daemon()))
        except kit.Failure as failure:
            kind = types.FailureKind[failure.kind.upper().replace("-", "_")]
            raise Err(types.Failure(kind, _text(failure.message), _text_or_none(failure.source))) from None
        except Exception as error:  # a report that cannot be written
            why = _text(f"{type(error).__name__}: {error}")
            raise Err(types.Failure(types.FailureKind.INTERNAL, why, None)) from None


class _Daemon:
    def log(self, level: str, message: str) -> None:
        log.write(log.Level[level.upper()], _text(message))

    def send_all(self, calls: list[Call]) -> list[Response]:
        requests = [_call_out(call) for call in calls]
        return [_answer_in(call, answer) for call, answer in zip(calls, http.send_all(requests))]

    def handshake(self, host: str, port: int) -> list[kit.Peer | kit.Failure]:
        call = Call("CONNECT", f"https://{host}:{port}", purpose=f"TLS handshake with {host}:{port}")
        try:
            peers = tls.handshake(host, port)
        except Err as error:
            raise _call_error_in(call, error.value) from None
        return [_peer_in(p.value) if isinstance(p, Ok) else _call_error_in(call, p.value) for p in peers]

    def read(self, name: str) -> bytes:
        with _Inputs(name):
            return inputs.read(name)

    def read_text(self, name: str) -> str:
        with _Inputs(name):
            return inputs.read_text(name)

    def open(self, name: str):
        with _Inputs(name):
            reader = inputs.open(name)

        def read(size: int) -> bytes:
            with _Inputs(name):
                return reader.read(size)

        return read

    def state_get(self, key: str) -> bytes | None:
        return state.get(key)

    def state_set(self, key: str, value: bytes) -> None:
        try:
            state.set(key, value)
        except Err as error:
            why = f"the state of the control would be larger than {error.value.value} bytes"
            raise kit.Failure("internal", why) from None

    def state_remove(self, key: str) -> None:
        state.remove(key)

    def state_keys(self) -> list[str]:
        return state.keys()

    def points(self, control: str | None, measurement: str, during: kit.Interval) -> list[kit.Point]:
        with _History(control):
            points = history.points(control, measurement, _interval_out(during))
        return [
            kit.Point(kit.instant(point.slot), point.subject, kit.Status[point.status.name], point.value)
            for point in points
        ]

    def slots_in(self, control: str | None, during: kit.Interval) -> kit.Slots:
        with _History(control):
            slots = history.slots_in(control, _interval_out(during))
        return kit.Slots(
            slots.due, slots.run, slots.late, slots.pass_, slots.fail, slots.error, slots.not_applicable, slots.missed
        )


class _Inputs:
    """What reading an input refuses, as the failure that it means."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Err):
            if isinstance(error.value, inputs.Error_Unknown):
                raise kit.Failure("unsupported", f"the control has no input `{self.name}`", self.name) from None
            raise kit.Failure("bad-input", f"an input cannot be read: {error.value.value}", self.name) from None


class _History(_Inputs):
    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Err):
            if isinstance(error.value, history.Error_Refused):
                raise kit.Failure("unsupported", f"the history is refused: {error.value.value}") from None
            raise kit.Failure("unsupported", f"too many points: {error.value.value}") from None


def _facts_in(request: types.Request) -> Facts:
    interval = request.interval
    limits = request.limits
    return Facts(
        request.control,
        request.definition,
        kit.instant(request.slot),
        kit.instant(request.now),
        interval and kit.Interval(kit.instant(interval.from_), kit.instant(interval.until)),
        [_input_in(given) for given in request.inputs],
        request.seed,
        kit.Limits(
            limits.wall_ms, limits.memory_bytes, limits.report_bytes, limits.requests, limits.response_bytes
        ),
        {key: json.loads(value) for key, value in request.extensions},
    )


def _input_in(given: types.Input) -> kit.Input:
    return kit.Input(
        given.name,
        given.source,
        given.query,
        given.media_type,
        kit.instant(given.observed),
        int(given.bytes),
        given.rows,
        given.source_total,
        given.digest,
        given.http and _exchange_in(given.http),
    )


def _exchange_in(exchange: types.Exchange) -> kit.Exchange:
    took = exchange.timings
    timings = kit.Timings(took.resolve, took.connect, took.handshake, took.first_byte, took.total)
    return kit.Exchange(
        exchange.status, exchange.headers, timings, exchange.peer and _peer_in(exchange.peer), exchange.attempts
    )


def _peer_in(peer: types.Peer) -> kit.Peer:
    return kit.Peer(peer.address, peer.protocol, peer.cipher, peer.untrusted, [_certificate_in(c) for c in peer.chain])


def _certificate_in(shown: types.Certificate) -> kit.Certificate:
    return kit.Certificate(
        shown.subject,
        shown.issuer,
        shown.serial,
        shown.names,
        kit.instant(shown.not_before),
        kit.instant(shown.not_after),
        shown.key,
        shown.digest,
    )


def _call_out(call: Call) -> http.Request:
    match call.auth:
        case "granted":
            auth = http.Auth_Granted()
        case "anonymous":
            auth = http.Auth_Anonymous()
        case named:
            auth = http.Auth_Named(_text(named))
    headers = [(_text(name), _text(value)) for name, value in call.headers]
    body = call.body.encode() if isinstance(call.body, str) else call.body
    accept = [_number(status, 65_535) for status in call.accept]
    timeout_ms = _number(call.timeout_ms, 2**32 - 1)
    return http.Request(
        _text(call.method), _text(call.url), headers, None if body is None else bytes(body), auth, accept, timeout_ms
    )


def _answer_in(call: Call, answer: Ok | Err) -> Response:
    if isinstance(answer, Ok):
        return Response(call, _exchange_in(answer.value.exchange), answer.value.body)
    return Response(call, error=_call_error_in(call, answer.value))


def _call_error_in(call: Call, error: http.Error) -> CallError:
    match error:
        case http.Error_Refused(why):
            return CallError(call, "refused", why)
        case http.Error_Unreachable(why):
            return CallError(call, "unreachable", why)
        case http.Error_Timeout():
            return CallError(call, "timeout")
        case http.Error_Tls(why):
            return CallError(call, "tls", why)
        case http.Error_Status(answer):
            return CallError(call, "status", response=Response(call, _exchange_in(answer.exchange), answer.body))
        case http.Error_Limit(which):
            return CallError(call, "limit", which)
    raise AssertionError("the contract has no other error")


def _report_out(report: kit.Report) -> types.Report:
    return types.Report(
        _text(report.summary),
        _number(report.population, 2**32 - 1),
        None if report.source_total is None else _number(report.source_total, 2**32 - 1),
        _text(report.population_query),
        types.Listing[report.listing.upper().replace("-", "_")],
        [_finding_out(finding) for finding in report.findings],
        _text_or_none(report.incomplete),
        _instant_out(report.covered_until),
        [types.Attachment(_text(part.name), _text(part.media_type), bytes(part.body)) for part in report.attachments],
        _extensions_out(report.extensions),
    )


def _finding_out(finding: kit.Finding) -> types.Finding:
    return types.Finding(
        _text(finding.subject),
        _text_or_none(finding.label),
        types.Status[finding.status.name],
        bool(finding.attention),
        _text(finding.message),
        [types.Measurement(_text(m.name), m.value, _text(m.unit), m.limit) for m in finding.measurements],
        _instant_out(finding.as_of),
        _text_or_none(finding.event),
        _extensions_out(finding.extensions),
    )


# What is of another type than the contract's, or no UTF-8, would be a trap without words.


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _text_or_none(value: object | None) -> str | None:
    return None if value is None else _text(value)


def _number(value: object, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise kit.Failure("internal", f"no whole number from 0 to {most}: {value!r}")
    return value


def _extensions_out(extensions: dict[str, object]) -> list[tuple[str, str]]:
    return [(_text(key), json.dumps(value)) for key, value in extensions.items()]


def _interval_out(interval: kit.Interval) -> types.Interval:
    return types.Interval(kit.instant_text(interval.start), kit.instant_text(interval.until))


def _instant_out(moment: datetime | None) -> str | None:
    return None if moment is None else kit.instant_text(moment)
