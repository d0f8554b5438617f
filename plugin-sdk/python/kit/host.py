"""The seam to the outside world. Inside of a component it is the daemon (`component.py`), in a native test a
`testing.FakeHost`. Checks use it through `Run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .calls import Call, Response
from .contract import Failure, Input, Interval, Limits, Peer, Point, Slots


@dataclass
class Facts:
    """What a run is told, the configuration apart."""

    control: str
    definition: str
    slot: datetime
    now: datetime
    interval: Interval | None = None
    inputs: list[Input] = field(default_factory=list)
    seed: bytes = bytes(32)
    limits: Limits = field(default_factory=lambda: Limits(0, 0, 0, 0, 0))
    extensions: dict[str, Any] = field(default_factory=dict)


class Host(Protocol):
    """What is refused is raised as a `Failure`; answers of `send_all` carry their own errors."""

    def log(self, level: str, message: str) -> None: ...
    def send_all(self, calls: list[Call]) -> list[Response]: ...
    def handshake(self, host: str, port: int) -> list[Peer | Failure]: ...
    def read(self, name: str) -> bytes: ...
    def read_text(self, name: str) -> str: ...
    def open(self, name: str) -> Callable[[int], bytes]: ...
    def state_get(self, key: str) -> bytes | None: ...
    def state_set(self, key: str, value: bytes) -> None: ...
    def state_remove(self, key: str) -> None: ...
    def state_keys(self) -> list[str]: ...
    def points(self, control: str | None, measurement: str, during: Interval) -> list[Point]: ...
    def slots_in(self, control: str | None, during: Interval) -> Slots: ...
