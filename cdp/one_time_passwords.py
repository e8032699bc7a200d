"""One-time passwords for people: the first sign-in enrols a device, every later one asks it."""

import io

import qrcode
from django.db import transaction
from django_otp import match_token
from django_otp.plugins.otp_totp.models import TOTPDevice
from qrcode.image.svg import SvgPathImage

from cdp.models import User

DEVICE_NAME = "authenticator"


def device_of(user: User) -> TOTPDevice:
    """Return the person's device; a new, unconfirmed one for whoever has none."""
    confirmed = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    if confirmed is not None:
        return confirmed
    device, _ = TOTPDevice.objects.get_or_create(user=user, name=DEVICE_NAME, confirmed=False)
    return device


@transaction.atomic
def accept(*, user: User, code: str) -> TOTPDevice | None:
    """Check a code and return the device that made it, None for a wrong one. The first right code confirms a device."""
    if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
        return match_token(user, code) if code else None
    device = TOTPDevice.objects.select_for_update().get(pk=device_of(user).pk)
    if not code or not device.verify_token(code):
        return None
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return device


@transaction.atomic
def forget(*, user: User) -> None:
    """Remove the person's devices: the next sign-in enrols a new one."""
    TOTPDevice.objects.filter(user=user).delete()


def qr_code(device: TOTPDevice) -> str:
    """Draw what an authenticator app scans, as SVG."""
    drawn = io.BytesIO()
    qrcode.make(device.config_url, image_factory=SvgPathImage, border=2).save(drawn)
    return drawn.getvalue().decode().partition("?>")[2]
