from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class KeyKind(models.TextChoices):
    PUBLIC = "pk", "public (browser, app)"
    SECRET = "sk", "secret (server)"


class Scope(models.TextChoices):
    INGEST_WRITE = "ingest:write", "send events"
    CONSENT_WRITE = "consent:write", "record consent"
    CONSENT_READ = "consent:read", "read consent"
    CONSENT_EXPORT = "consent:export", "export the consent log"
    PROFILES_READ = "profiles:read", "read profiles"
    DATA_EXPORT = "data:export", "export people, events and memberships"
    SEGMENTS_READ = "segments:read", "read segments and their members"
    METRICS_READ = "metrics:read", "read metrics"


PUBLIC_SCOPES = (Scope.INGEST_WRITE, Scope.CONSENT_WRITE)


class ApiKey(models.Model):
    """What an application shows to be let in. The secret itself is never stored, only its keyed hash."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=2, choices=KeyKind)
    name = models.CharField(max_length=100, help_text="The application that holds the key.")
    # Two live keys per name let an application change over without an outage; a third would be one nobody remembers.
    slot = models.PositiveSmallIntegerField(editable=False)
    secret_hash = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope))
    source = models.CharField(max_length=100, blank=True, help_text="The source its events are recorded under.")
    purpose = models.CharField(max_length=100, blank=True, help_text="The one purpose it reads for.")
    fields = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="The traits it may read, separated by commas. Empty: every trait that the purpose allows.",
    )
    created_by = models.ForeignKey("cdp.User", on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey("cdp.User", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(
                fields=["name", "slot"], condition=Q(revoked_at__isnull=True), name="cdp_apikey_two_live_per_name"
            ),
            models.CheckConstraint(condition=Q(slot__in=(1, 2)), name="cdp_apikey_slot_is_1_or_2"),
            models.CheckConstraint(condition=Q(kind__in=KeyKind.values), name="cdp_apikey_kind_known"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gt=0), name="cdp_apikey_scopes_known"
            ),
            # A public key is in every visitor's browser: whatever it may do, everybody may do.
            models.CheckConstraint(
                condition=~Q(kind=KeyKind.PUBLIC) | Q(scopes__contained_by=[str(scope) for scope in PUBLIC_SCOPES]),
                name="cdp_apikey_public_keys_only_write",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @property
    def hint(self) -> str:
        return f"cdp_{self.kind}_{self.pk}_…"
