"""What the consent API takes and tells."""

from typing import Any

from rest_framework import serializers

from cdp.models.job import JobState
from consent.decisions import Assurance, Operation
from consent.intake import PROFILE_ID
from consent.models import Channel
from consent.section import STATES
from profiles.identity.rules import known_types


class ConsentSubjectSerializer(serializers.Serializer):
    type = serializers.CharField(
        max_length=40, help_text="A type of the live identity rule, such as user_id or email, or id for a profile id."
    )
    value = serializers.CharField(max_length=500)

    def validate_type(self, type: str) -> str:
        if type not in (known := (PROFILE_ID, *known_types())):
            raise serializers.ValidationError(f"The type is one of {', '.join(known)}.")
        return type


class NoticeSerializer(serializers.Serializer):
    id = serializers.CharField(max_length=100)
    version = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)


class StatementSerializer(serializers.Serializer):
    """A person's decision. `purpose` and `purposes` are the same; give one of them."""

    identifier = ConsentSubjectSerializer()
    operation = serializers.ChoiceField(choices=[Operation.GRANT, Operation.DENY, Operation.WITHDRAW])
    purpose = serializers.CharField(required=False, max_length=100)
    purposes = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, allow_empty=False, max_length=100
    )
    notice = NoticeSerializer(
        required=False, allow_null=True, default=None, help_text="What the person was shown; its live version if none."
    )
    occurred_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="When the person decided; now when left out."
    )
    method = serializers.CharField(
        required=False, max_length=200, default="api", help_text="How: a form, a call, a letter."
    )
    evidence = serializers.JSONField(
        required=False,
        allow_null=True,
        default=None,
        help_text="What proves it. Kept encrypted, never part of the public entry.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        purpose = attrs.pop("purpose", None)
        if purpose is not None and "purposes" in attrs:
            raise serializers.ValidationError({"purpose": "Give purpose or purposes, not both."})
        if purpose is None and "purposes" not in attrs:
            raise serializers.ValidationError({"purposes": "This field is required."})
        attrs.setdefault("purposes", [purpose])
        return attrs


class ReceiptSerializer(serializers.Serializer):
    """What to keep: `sha256` is that of `entry`, which every later export repeats to the byte."""

    id = serializers.CharField()
    sha256 = serializers.CharField()
    entry = serializers.CharField(help_text="The exact canonical JSON text of the entry.")
    repeat = serializers.BooleanField(help_text="The same request came before; this is its entry.")


class AssuredSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=STATES)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    entry = serializers.CharField()


class StandingSerializer(AssuredSerializer):
    assurance = serializers.ChoiceField(choices=list(Assurance))
    assured = AssuredSerializer(allow_null=True, help_text="Where a browser's word for a grant does not count.")


class HistoryEntrySerializer(serializers.Serializer):
    id = serializers.CharField()
    operation = serializers.ChoiceField(choices=list(Operation))
    purposes = serializers.ListField(child=serializers.CharField())
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]
    channel = serializers.ChoiceField(choices=Channel.choices)
    assurance = serializers.ChoiceField(choices=list(Assurance))
    notice = serializers.CharField(allow_null=True)
    notice_version = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField()


class PersonConsentSerializer(serializers.Serializer):
    id = serializers.CharField()
    consent = serializers.DictField(child=StandingSerializer(), help_text="Where the person stands, by purpose.")
    history = HistoryEntrySerializer(many=True, help_text="The latest entries, newest first.")
    has_more = serializers.BooleanField()
    as_of = serializers.DateTimeField()


class WantedSerializer(serializers.Serializer):
    """The period is that of recording, `[from, to)`; it has to be over."""

    to = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Now when left out.")
    purpose = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)

    def get_fields(self) -> dict[str, Any]:
        # `from` is no name for an attribute.
        return {
            "from": serializers.DateTimeField(required=False, allow_null=True, default=None),
            **super().get_fields(),
        }


class ExportSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(choices=JobState.choices)
    done = serializers.IntegerField(help_text="Entries written so far.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(allow_blank=True)
    manifest = serializers.JSONField(source="result", allow_null=True)
    download = serializers.SerializerMethodField(help_text="Null until it is ready.")

    def get_download(self, job: Any) -> str | None:
        return f"/v1/consent/exports/{job.pk}/download" if job.state == "done" else None
