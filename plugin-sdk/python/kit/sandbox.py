"""Clock, randomness and output of a component that is built with `--stub-wasi`, where Python's own end the run without
a word: `datetime.now()` is `run.now`, `random` and `os.urandom` come from the seed, `print` and `logging` go to the log.
"""

from __future__ import annotations

import _strptime  # noqa: F401  (`datetime.strptime` would look for it when it is first used)
import builtins
import datetime as _datetime
import hashlib
import io
import linecache
import logging
import os
import random
import sys
import time
from collections.abc import Callable

_EPOCH = _datetime.datetime(1970, 1, 1, tzinfo=_datetime.timezone.utc)
_real_datetime = _datetime.datetime
_real_date = _datetime.date

_now = _EPOCH
_ticks_ns = 0
_random: random.Random = random.Random(0)
_refused: dict[tuple[object, str], Callable[..., object]] = {}
_write: Callable[[str, str], None] = lambda level, line: None  # noqa: E731


def install() -> None:
    """Once, before the check is imported."""
    _datetime.datetime = _Datetime  # type: ignore[misc]
    _datetime.date = _Date  # type: ignore[misc]
    time.time = lambda: (_now - _EPOCH).total_seconds()
    time.time_ns = lambda: (_now - _EPOCH) // _datetime.timedelta(microseconds=1) * 1000
    time.monotonic_ns = time.perf_counter_ns = time.process_time_ns = _tick
    time.monotonic = time.perf_counter = time.process_time = lambda: _tick() / 1e9
    time.sleep = _sleep
    for name in ("gmtime", "localtime", "ctime"):
        # Local time is UTC, since there are no time zones to read.
        real = time.gmtime if name == "localtime" else getattr(time, name)
        setattr(time, name, lambda seconds=None, real=real: real(time.time() if seconds is None else seconds))
    for name in ("strftime", "asctime"):
        setattr(time, name, _with_now(getattr(time, name), name == "strftime"))
    os.urandom = lambda size: _random.randbytes(size)
    random._urandom = os.urandom  # type: ignore[attr-defined]
    # Tracebacks without lines of the source, which is not there when it runs.
    linecache.checkcache = lambda filename=None: None
    linecache.updatecache = lambda filename, module_globals=None: []
    for module, names in ((builtins, ["open"]), (io, ["open"]), (os, ["open", "stat", "lstat", "listdir", "scandir"])):
        for name in names:
            _refused[module, name] = _no_files
    logging.basicConfig(handlers=[_LogHandler()], level=logging.DEBUG)


def begin(now: _datetime.datetime, seed: bytes, write: Callable[[str, str], None]) -> None:
    """At the start of each run."""
    global _now, _ticks_ns, _write, _random
    _now, _ticks_ns, _write = now, 0, write
    number = int.from_bytes(hashlib.sha256(seed).digest(), "big")
    _random = random.Random(number)
    random.seed(number)
    # What would end the run without a word: files, and imports that wait for their first use.
    for (module, name), function in _refused.items():
        setattr(module, name, function)
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.stdout = _Lines("info")
    sys.stderr = _Lines("error")


def _no_files(*_arguments: object, **_more: object) -> object:
    raise OSError("a check has no files: `run.read(name)` gives its inputs, and what it imports is read when it is built")


def _with_now(real: Callable[..., str], has_format: bool) -> Callable[..., str]:
    """`time.strftime` and `time.asctime` without a time are of now."""

    def patched(*arguments: object) -> str:
        return real(*arguments) if len(arguments) > has_format else real(*arguments, time.gmtime())

    return patched


def _tick() -> int:
    global _ticks_ns
    _ticks_ns += 1000
    return _ticks_ns


def _sleep(seconds: float) -> None:
    """Waiting returns at once, and moves the clock that counts."""
    global _ticks_ns
    _ticks_ns += int(seconds * 1e9)


class _Kind(type):
    """A `datetime` made by Python itself is one of these, too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.real)  # type: ignore[attr-defined]

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls.real)  # type: ignore[attr-defined]


class _Datetime(_real_datetime, metaclass=_Kind):
    real = _real_datetime

    @classmethod
    def now(cls, tz: _datetime.tzinfo | None = None) -> _real_datetime:
        return _now.astimezone(tz) if tz is not None else _now.replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> _real_datetime:
        return _now.replace(tzinfo=None)

    @classmethod
    def today(cls) -> _real_datetime:
        return _now.replace(tzinfo=None)


class _Date(_real_date, metaclass=_Kind):
    real = _real_date

    @classmethod
    def today(cls) -> _real_date:
        return _now.date()


class _Lines(io.TextIOBase):
    """Whole lines to the log."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            _write(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._rest:
            _write(self._level, self._rest)
            self._rest = ""


class _LogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else "warn" if record.levelno >= logging.WARNING else None
        _write(level or ("info" if record.levelno >= logging.INFO else "debug"), self.format(record))
