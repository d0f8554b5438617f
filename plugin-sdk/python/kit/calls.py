"""Requests, their answers, and what it means when there is none that counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from .contract import Exchange, Failure

if TYPE_CHECKING:
    from .run import Run


@dataclass
class Call:
    """A request that has not been sent. The host adds the credential of the grant; every status outside of 200 to 299
    is an error unless it is in `accept`."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    #: `granted`, `anonymous` (without a credential), or the name of another credential of the same host.
    auth: str = "granted"
    #: Statuses besides 200 to 299 that answer the question.
    accept: list[int] = field(default_factory=list)
    #: 0: what is left of the run.
    timeout_ms: int = 0
    #: What the call is for, in the words of errors and evidence: `iam:ListUsers`. Empty: method and URL.
    purpose: str = ""

    @classmethod
    def get(cls, url: str, **more: Any) -> Call:
        """`params` are added to the query; what else there is are fields of `Call`."""
        return cls._of("GET", url, more)

    @classmethod
    def post(cls, url: str, **more: Any) -> Call:
        """`json` or `form` is the body, with its content type; what else there is are fields of `Call`."""
        return cls._of("POST", url, more)

    @classmethod
    def _of(cls, method: str, url: str, more: dict[str, Any]) -> Call:
        params, form = more.pop("params", None), more.pop("form", None)
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        headers = more.pop("headers", [])
        headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if form is not None:
            more["body"] = urlencode(form).encode()
            headers.append(("content-type", "application/x-www-form-urlencoded"))
        elif "json" in more:
            more["body"] = json.dumps(more.pop("json"), separators=(",", ":"), ensure_ascii=False).encode()
            headers.append(("content-type", "application/json"))
        return cls(method, url, headers, **more)

    @property
    def words(self) -> str:
        return self.purpose or f"{self.method} {self.url}"


class CallError(Failure):
    """A call without an answer that counts. Uncaught outside of `Findings.subject` it is the failure that it means.

    `case` is one of refused, unreachable, timeout, tls, status, limit.
    """

    def __init__(self, call: Call, case: str, why: str = "", response: Response | None = None) -> None:
        self.call = call
        self.case = case
        self.why = why
        #: The answer whose status does not count.
        self.response = response
        super().__init__(self._kind(), f"{call.words}: {self.reason}", call.url)

    @property
    def status(self) -> int | None:
        return self.response.status if self.response else None

    @property
    def reason(self) -> str:
        """What went wrong, without what the call was for."""
        match self.case:
            case "timeout":
                return "timed out"
            case "tls":
                return f"TLS: {self.why}"
            case "status":
                return f"status {self.status}"
            case "limit":
                return f"over the limit {self.why}"
            case _:
                return f"{self.case}: {self.why}"

    def _kind(self) -> str:
        match self.case:
            case "refused":
                return "unsupported"
            case "unreachable" | "tls":
                return "unreachable"
            case "timeout":
                return "timeout"
            case "limit":
                return "timeout" if self.why == "wall" else "unsupported"
        match self.status:
            case 401 | 403:
                return "denied"
            case 408 | 504:
                return "timeout"
            case 429:
                return "throttled"
            case status if status is not None and 500 <= status <= 599:
                return "unreachable"
            case _:
                return "bad-input"


class Response:
    """An answer. One of several (`run.send_all`) may have failed: then every question to it raises the `CallError`, so
    ask it inside of the subject that it is about."""

    def __init__(
        self, call: Call, exchange: Exchange | None = None, body: bytes = b"", error: CallError | None = None
    ) -> None:
        self.call = call
        #: Why it does not count, without raising it.
        self.error = error
        self._exchange = exchange
        self._body = body

    @property
    def exchange(self) -> Exchange:
        if self.error is not None or self._exchange is None:
            raise self.error or RuntimeError("an answer without an exchange")
        return self._exchange

    @property
    def body(self) -> bytes:
        if self.error is not None:
            raise self.error
        return self._body

    @property
    def status(self) -> int:
        return self.exchange.status

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for other, value in self.exchange.headers if other.lower() == name.lower()), None)

    def text(self) -> str:
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise self.not_as_expected("the answer is not UTF-8") from None

    def json(self) -> Any:
        try:
            return json.loads(self.text())
        except ValueError as error:
            raise self.not_as_expected(f"the answer is not the JSON that was expected: {error}") from None

    def not_as_expected(self, why: str) -> Failure:
        """The failure of a check that cannot make sense of this answer; to be raised."""
        return Failure("bad-input", f"{self.call.words}: {why}", self.call.url)


#: Finds the call for the page after this one; None when this was the last. An answer that does not say is a failure.
NextPage = Callable[[Call, Response], Call | None]


class Pages:
    """A list that comes in pages, to its end: `for page in Pages(run, Call.get(url), Pages.by_link_header):`.

    A page that fails ends the run; more pages than `at_most` make the report incomplete by themselves.
    """

    def __init__(self, run: Run, first: Call, next_page: NextPage, at_most: int = 10_000) -> None:
        self._run, self._first, self._next_page, self._at_most = run, first, next_page, at_most

    def __iter__(self) -> Iterator[Response]:
        call: Call | None = self._first
        pages = 0
        while call is not None:
            if pages == self._at_most:
                self._run.note_incomplete(f"{call.words}: there are more than {self._at_most} pages")
                return
            page = self._run.send(call)
            pages += 1
            following = self._next_page(call, page)
            if following == call:
                raise page.not_as_expected("the next page is this page again")
            yield page
            call = following

    @staticmethod
    def by_link_header(call: Call, page: Response) -> Call | None:
        """`Link: <URL>; rel="next"` (RFC 8288), as GitHub and GitLab have them. No such link: the last page."""
        for name, value in page.exchange.headers:
            if name.lower() == "link" and (target := _next_link(value)) is not None:
                return _elsewhere(call, urljoin(call.url, target))
        return None

    @staticmethod
    def by_token(key: str, parameter: str, *, absent_is_last: bool = False) -> NextPage:
        """A token in a JSON object (null, empty: the last page), sent back as a parameter of the query. An answer
        without the key does not say whether it is the last page, which is a failure unless `absent_is_last`."""

        def next_page(call: Call, page: Response) -> Call | None:
            answer = page.json()
            if not isinstance(answer, dict) or (key not in answer and not absent_is_last):
                raise page.not_as_expected("the answer does not say whether it is the last page")
            token = answer.get(key)
            return None if token is None or token == "" else _elsewhere(call, _with_query(call.url, parameter, token))

        return next_page


def _elsewhere(call: Call, url: str) -> Call:
    return Call(call.method, url, call.headers, call.body, call.auth, call.accept, call.timeout_ms, call.purpose)


def _with_query(url: str, parameter: str, value: object) -> str:
    path, _, query = url.partition("?")
    kept: Iterable[str] = (part for part in query.split("&") if part and part.partition("=")[0] != parameter)
    return path + "?" + "&".join([*kept, urlencode({parameter: value})])


def _next_link(header: str) -> str | None:
    for part in header.split("<")[1:]:
        target, _, parameters = part.partition(">")
        for parameter in parameters.replace(",", ";").split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip().strip('"').lower().split():
                return target
    return None
