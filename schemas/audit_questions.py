"""Questions about the audit log whose answer is not a list of entries."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.audit import require_forward
from schemas.sets import SEMVER
from schemas.shapes import Ident, Lean, Moment

DAYS_LIMIT = 366
_DAY = 86_400_000_000


class ThingArgs(Schema):
    """A version of a set, or a signal or version by its id."""

    collection = Ident(description="The set.")
    version = fields.String(validate=SEMVER, metadata={"description": "Its version."})
    object = Ident(description="A version or signal by its id, instead of set and version.")
    after = fields.String(
        validate=validate.Length(max=2_000), metadata={"description": "The `next` of the page before."}
    )
    limit = fields.Integer(
        load_default=100,
        validate=validate.Range(min=1, max=1_000),
        metadata={"description": "Members per page."},
    )

    @validates_schema
    def names_one_thing(self, data: dict[str, Any], **_rest: Any) -> None:
        if "object" in data:
            for name in ("collection", "version"):
                if name in data:
                    raise ValidationError("Name the object alone, or the set and its version.", name)
        elif "collection" not in data:
            raise ValidationError("Name the set of the version, or send the id as `object`.", "collection")
        elif "version" not in data:
            raise ValidationError("Name the version.", "version")


class PeriodArgs(Schema):
    """Days, of UTC and whole: also those that the period cuts."""

    since = Moment(description="From the day of this moment on; 28 days before `until`, if left out.")
    until = Moment(description="Days that begin before this moment; left out: until now.")

    @validates_schema
    def a_period_runs_forward_and_is_short(self, data: dict[str, Any], **_rest: Any) -> None:
        require_forward(data)
        if "since" in data and "until" in data and data["until"] - data["since"] > DAYS_LIMIT * _DAY:
            raise ValidationError(f"Ask for {DAYS_LIMIT} days at most.", "since")


class VolumeArgs(PeriodArgs):
    member = Ident(description="What this member did. Left out: everybody, for auditors, or with your data.")


class WaySchema(Schema):
    """How something was handed out, and how often so."""

    action = fields.String(required=True, metadata={"description": "By what, for example `changes.read`."})
    purpose = fields.String(required=True, allow_none=True, metadata={"description": "Why it was read."})
    tlp = fields.String(
        required=True, allow_none=True, metadata={"description": "Label that it stood under."}
    )
    times = fields.Integer(required=True, metadata={"description": "Entries that say so."})


class AuditRecipientSchema(Schema):
    """A member to which something was handed."""

    member = Ident(required=True, allow_none=True, description="The member; null: nobody known.")
    times = fields.Integer(required=True, metadata={"description": "How often."})
    first_at = Moment(required=True, description="When first.")
    last_at = Moment(required=True, description="When last.")
    first_entry = Ident(required=True, description="The entry of the first time.")
    last_entry = Ident(required=True, description="The entry of the last time.")
    ways = fields.List(fields.Nested(WaySchema), required=True)


class AuditRecipientPageSchema(Schema):
    items = fields.List(
        fields.Nested(AuditRecipientSchema), required=True, metadata={"description": "By member id."}
    )
    next = fields.String(
        required=True, allow_none=True, metadata={"description": "Send as `after`; null: no more."}
    )


class OutstandingPageSchema(AuditRecipientPageSchema):
    """Those who took it and were not handed its tombstone since."""

    retracted_at = Moment(
        required=True, allow_none=True, description="When it was taken back; null: it was not."
    )
    recipients = fields.Integer(required=True, metadata={"description": "How many members took it."})
    told = fields.Integer(
        required=True, metadata={"description": "How many of them were handed its tombstone."}
    )


class CountSchema(Lean):
    action = fields.String(required=True, metadata={"description": "What was done."})
    decision = fields.String(required=True, metadata={"description": "What was decided."})
    entries = fields.Integer(required=True, metadata={"description": "How many entries say so."})
    items = fields.Integer(metadata={"description": "How many items these count."})
    band = fields.String(metadata={"description": "Roughly how many: of others' lookups in your data."})


class DaySchema(Schema):
    day = fields.String(required=True, metadata={"description": "The day of UTC.", "format": "date"})
    counts = fields.List(fields.Nested(CountSchema), required=True)


class UnusualSchema(Schema):
    """A day above what the days before make likely: the median and six deviations, see the guide."""

    day = fields.String(required=True, metadata={"description": "The day of UTC.", "format": "date"})
    measure = fields.String(
        required=True,
        validate=validate.OneOf(["entries", "items", "refused"]),
        metadata={"description": "Entries or items that were not refused, or entries that were."},
    )
    value = fields.Integer(required=True, metadata={"description": "Of this day."})
    median = fields.Float(required=True, metadata={"description": "Of the days before."})
    limit = fields.Float(required=True, metadata={"description": "The most that had been usual."})
    days = fields.Integer(required=True, metadata={"description": "How many days it was compared with."})


class VolumeSchema(Schema):
    days = fields.List(fields.Nested(DaySchema), required=True, metadata={"description": "Oldest first."})
    unusual = fields.List(
        fields.Nested(UnusualSchema),
        required=True,
        metadata={"description": "Of a member that was named, against its own past."},
    )


class CellSchema(Schema):
    member = Ident(required=True, allow_none=True, description="Who acted; null: nobody known.")
    owner = Ident(required=True, description="With whose data.")
    entries = fields.Integer(required=True, metadata={"description": "Entries that were not refused."})
    items = fields.Integer(required=True, metadata={"description": "Items that these count."})
    refused = fields.Integer(required=True, metadata={"description": "Entries that were."})


class MatrixSchema(Schema):
    items = fields.List(fields.Nested(CellSchema), required=True)
