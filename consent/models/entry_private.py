from django.db import models


class EntryPrivate(models.Model):
    """What an entry must not say in public: identifiers, address, user agent, the form as sent.

    The entry holds SHA-256(nonce ‖ payload). Both are in here, encrypted under the subject's key: without that key the
    commitment proves nothing about anybody, and the entry stays as it is.
    """

    entry_id = models.BigIntegerField(primary_key=True)
    origin_id = models.BigIntegerField(db_index=True)
    nonce = models.BinaryField(max_length=12)
    ciphertext = models.BinaryField()

    class Meta:
        db_table = "consent_entry_private"

    def __str__(self) -> str:
        return f"private part of {self.entry_id}"
