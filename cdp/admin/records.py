"""What happened: reads of people, and long pieces of work."""

from django.contrib import admin
from unfold.decorators import display

from cdp.models import AccessRecord, Job
from cdp.role_admin import LargeTableAdmin, RoleAdmin
from cdp.roles import Role
from cdp.templatetags.cdp_text import ago, public_id


@admin.register(AccessRecord)
class AccessRecordAdmin(LargeTableAdmin):
    """Who read or changed what about whom, newest first."""

    viewers = (Role.COMPLIANCE, Role.ADMINISTRATOR)
    list_display = ("when", "who", "action", "person", "purpose", "outcome")
    list_filter = ("outcome", "actor_kind")
    search_fields = ("=profile_id", "=action")
    ordering = ("-id",)
    empty_title = "Nobody has looked at anybody yet"
    empty_text = "Every read of a person and every export is recorded here before it is answered."

    @display(description="when")
    def when(self, row: AccessRecord) -> str:
        return ago(row.at)

    @display(description="who")
    def who(self, row: AccessRecord) -> str:
        return f"{row.actor_kind} {row.actor_id}"

    @display(description="person")
    def person(self, row: AccessRecord) -> str:
        return public_id(row.profile_id) or "–"


@admin.register(Job)
class JobAdmin(RoleAdmin):
    list_display = ("kind", "state", "progress", "created", "created_by")
    list_filter = ("state", "kind")
    list_select_related = ("created_by",)
    fields = readonly_fields = (
        "kind",
        "arguments",
        "state",
        "attempts",
        "done",
        "total",
        "result",
        "error",
        "created_by",
        "created_at",
        "finished_at",
    )
    actions = None
    ordering = ("-id",)
    empty_title = "No long work yet"
    empty_text = "Imports, exports and backfills appear here with their progress."

    @display(description="progress")
    def progress(self, job: Job) -> str:
        return f"{job.done:,} of {job.total:,}" if job.total else f"{job.done:,}"

    @display(description="asked for", ordering="created_at")
    def created(self, job: Job) -> str:
        return ago(job.created_at)
