from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models


class PeopleManager(UserManager["User"]):
    use_in_migrations = False

    def create_user(
        self, username: str, email: str | None = None, password: str | None = None, **extra_fields: Any
    ) -> "User":
        # Everybody who has an account works in the admin; what they may do there is a matter of roles.
        extra_fields.setdefault("is_staff", True)
        return super().create_user(username, email, password, **extra_fields)


class User(AbstractUser):
    """A person who works with the platform. The people it holds data about are profiles."""

    is_staff = models.BooleanField("may sign in", default=True)

    objects: ClassVar[PeopleManager] = PeopleManager()

    class Meta(AbstractUser.Meta):
        verbose_name = "user"
        verbose_name_plural = "users"
