from django.db import models


class DevicePreference(models.Model):
    """What one device's consent manager last said about one purpose: see `consent.preferences` for why it is kept."""

    pk = models.CompositePrimaryKey("origin_id", "source_id", "device", "channel", "purpose")
    origin_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    # Keyed hash of the anonymous id, empty without one: two browsers of one person are two devices.
    device = models.BinaryField(max_length=16)
    channel = models.CharField(max_length=8)
    purpose = models.TextField()
    granted_at = models.DateTimeField(null=True)
    denied_at = models.DateTimeField(null=True)
    since = models.DateTimeField()
    # The entry of the current run; null when that entry is a decision of its own, which nothing supersedes.
    entry_hash = models.BinaryField(max_length=32, null=True)

    class Meta:
        db_table = "consent_device_preference"

    def __str__(self) -> str:
        return f"{self.purpose} of {self.origin_id}"
