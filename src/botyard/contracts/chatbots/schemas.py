"""Shapes that several sections of the document share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, StringConstraints, WithJsonSchema

from botyard.kit.clock import rfc3339

Text = Annotated[str, StringConstraints(min_length=1)]
Json = dict[str, Any]
Type = Literal["rule", "ai", "hybrid"]
Moment = Annotated[
    datetime, PlainSerializer(rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})
]


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # in the first or the last hours of the calendar
        raise ValueError("this moment lies outside of the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
