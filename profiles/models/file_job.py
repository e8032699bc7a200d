"""Jobs as their own pages show them. The rows are the platform's jobs; what is here has no table of its own."""

from typing import Any, ClassVar

from django.db import models

from cdp.models import Job

IMPORT_KIND, EXPORT_KIND = "import", "data.export"


class _OfKind(models.Manager["Job"]):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def get_queryset(self) -> "models.QuerySet[Job]":
        return super().get_queryset().filter(kind=self._kind)


class ImportJob(Job):
    objects: ClassVar[Any] = _OfKind(IMPORT_KIND)

    class Meta:
        proxy = True
        verbose_name = "import"
        verbose_name_plural = "imports"


class DataExport(Job):
    objects: ClassVar[Any] = _OfKind(EXPORT_KIND)

    class Meta:
        proxy = True
        verbose_name = "data export"
        verbose_name_plural = "data exports"
