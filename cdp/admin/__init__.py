"""Users and their roles, keys, personal tokens, and the record of who looked at whom."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from cdp.admin.keys import ApiKeyAdmin
from cdp.admin.records import AccessRecordAdmin, JobAdmin
from cdp.admin.tokens import PersonTokenAdmin
from cdp.admin.users import RoleListAdmin, UserAdmin

__all__ = ["AccessRecordAdmin", "ApiKeyAdmin", "JobAdmin", "PersonTokenAdmin", "RoleListAdmin", "UserAdmin"]

# Pages that packages bring for superusers. Whoever reads other people's one-time secrets there could sign in as them.
for _model in (
    *(TOTPDevice, StaticDevice, AccessAttempt, AccessLog, AccessFailureLog),
    *(PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule),
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
