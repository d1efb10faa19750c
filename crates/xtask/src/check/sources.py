"""Gives each request of Schemathesis a source of its own, as a trusted proxy would name it: bad credentials are part of
what it tries, and one source with many of them is told to wait (429)."""

import itertools
from typing import Any

import schemathesis

ADDRESSES = (f"198.18.{n // 250 % 250}.{n % 250 + 1}" for n in itertools.count())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    case.headers["X-Forwarded-For"] = next(ADDRESSES)
