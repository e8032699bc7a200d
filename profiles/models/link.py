from django.db import models


class LinkReason(models.TextChoices):
    BORN = "born"  # the first time the origin was seen
    SEEN_TOGETHER = "seen_together"  # one event carried both identifiers
    SAME_EMAIL = "same_email"
    STATED = "stated"  # an event stated it for the other: a telephone number, an id of the sender's own
    ALIAS = "alias"
    MOVED = "moved"  # an earlier sighting arrived: the device was another person's first
    REFUSED = "refused"  # a device seen with a second person: not joined, and this row says so
    LIMIT = "limit"  # not joined: the person would have had too many
    UNIQUE = "unique"  # not joined: of this type nobody has two
    SEPARATED = "separated"  # not joined: somebody undid a merge of the two
    BLOCKED = "blocked"  # not joined: the rule says that it is nobody's identifier
    UNMERGED = "unmerged"  # somebody undid a merge
    REJOINED = "rejoined"  # somebody lifted a separation
    RULE = "rule"  # another identity rule went live


class Link(models.Model):
    """The history of `origin`: who an origin belonged to, on which event's word. Half-open, `[from, to)`.

    A refused join is recorded as an empty period with its reason, so that it can be explained and never counts.
    """

    id = models.BigAutoField(primary_key=True)
    origin_id = models.BigIntegerField()
    root_id = models.BigIntegerField()
    recorded_from = models.DateTimeField()
    recorded_to = models.DateTimeField(null=True)
    event_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=16, choices=LinkReason.choices)
    decided_by = models.TextField(default="", db_default="")

    class Meta:
        db_table = "link"
        indexes = [models.Index(fields=["origin_id"]), models.Index(fields=["root_id"])]
        constraints = [
            models.UniqueConstraint(
                fields=["origin_id"], condition=models.Q(recorded_to__isnull=True), name="link_one_open_per_origin"
            )
        ]

    def __str__(self) -> str:
        return f"{self.origin_id} to {self.root_id}"
