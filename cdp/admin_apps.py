from django.contrib.admin.apps import AdminConfig


class PlatformAdminConfig(AdminConfig):
    """Django's admin with our site, which asks for a one-time password."""

    default_site = "cdp.admin_site.PlatformAdminSite"
