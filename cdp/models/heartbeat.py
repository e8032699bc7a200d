from django.db import models


class Heartbeat(models.Model):
    """When each worker process group last did anything: the admin's red banner and /healthz read it."""

    name = models.CharField(primary_key=True, max_length=200)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
