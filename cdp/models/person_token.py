from django.db import models


class PersonToken(models.Model):
    """Lets a person's own scripts act as that person over REST. Only its holder can make one."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("cdp.User", on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100, help_text="What it is for, so that you know it again.")
    secret_hash = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "personal token"

    def __str__(self) -> str:
        return self.name
