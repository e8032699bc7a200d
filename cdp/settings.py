"""All settings, flat. Whoever opens this file sees every pipeline the product runs."""

import hmac
from pathlib import Path

from django.urls import reverse_lazy

from cdp import env
from cdp.observability import traces
from cdp.secret import read_or_create

BASE_DIR = Path(__file__).resolve().parent.parent
CDP_DATA_DIR = env.folder("CDP_DATA_DIR", BASE_DIR / "var")

# -- secrets and hosts ---------------------------------------------------------------------------------------
CDP_SECRET_FILE = env.folder("CDP_SECRET_FILE", CDP_DATA_DIR / "secret")
CDP_ROOT_KEY = read_or_create(CDP_SECRET_FILE)  # 32 bytes; everything keyed is derived from it per domain
SECRET_KEY = env.text("DJANGO_SECRET_KEY") or hmac.digest(CDP_ROOT_KEY, b"cdp django secret key", "sha256").hex()
DEBUG = env.flag("CDP_DEBUG", default=False)
ALLOWED_HOSTS = env.words("CDP_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CDP_TRUSTED_ORIGINS")
CDP_HTTPS = env.flag("CDP_HTTPS", default=False)
CDP_REQUIRE_OTP = env.flag("CDP_REQUIRE_OTP", default=True)
CDP_WORKSPACE_NAME = env.text("CDP_WORKSPACE_NAME", "Workspace")
CDP_VIOLATION_DAYS = env.whole_number("CDP_VIOLATION_DAYS", 90, least=1)  # how long counts of violations are kept
CDP_GEOIP_FILE = env.text("CDP_GEOIP_FILE")  # of MaxMind's format, for the places of addresses; none: no places
CDP_TIME_ZONE = env.text("CDP_TIME_ZONE", "UTC")  # what bare dates and local times in rules mean

# -- what runs ------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "cdp.admin_apps.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "simple_history",
    "django_celery_beat",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "django_prometheus",
    "cdp",
    "profiles",
    "consent",
    "enrichment",
    "segments",
]
MIDDLEWARE = [
    "cdp.observability.request_ids.RequestIds",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "cdp.urls"
WSGI_APPLICATION = "cdp.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [BASE_DIR / "cdp" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# -- the pipelines: lower floors call upper ones through these lists and in no other way ------------------------
# Before anybody is resolved: what these refuse teaches nobody's identity.
INGEST_SCREENS: list[str] = ["profiles.retention.screen", "profiles.plans.gate.plan_gate"]
INGEST_GATES: list[str] = ["consent.gates.collection_gate"]
LANE_STEPS: list[str] = ["consent.gates.lane_step", "segments.memberships.evaluate"]
READ_GATES: list[str] = ["consent.gates.read_gate"]
AUDIENCES: list[str] = ["segments.queries.audiences"]
UNSETTLED: list[str] = ["segments.freshness.unsettled"]  # asked at every read: from memory, at most a second old
MERGE_STEPS: list[str] = ["consent.gates.merge_step", "segments.memberships.merge_step"]
ERASURE_STEPS: list[str] = []
# Who would be told of a segment: (key) -> segments.evidence.Listener, for those who approve its rule.
SEGMENT_LISTENERS: list[str] = ["segments.delivery.listening.listeners"]
FIRST_RUN: list[str] = ["consent.first_run.purposes"]
SUBJECT_SECTIONS: list[str] = [
    "segments.subject_sections.memberships",
    "segments.tag_section.tags",
    "consent.history.subject_section",
    "profiles.subject_sections.traits",
    "profiles.subject_sections.identifiers",
    "segments.delivery.subject_section.told",
]
METRICS: list[str] = [
    "cdp.metrics.collect",
    "profiles.metrics.collect",
    "profiles.retention.collect",
    "profiles.plans.metrics.collect",
    "segments.metrics.collect",
    "segments.delivery.metrics.collect",
]
EXPORT_TABLES: list[str] = [
    "profiles.exports.tables.people",
    "profiles.exports.tables.events",
    "segments.exports.memberships",
]
EXPORT_GATES: list[str] = ["consent.audiences.export_gate"]
DOCTOR: list[str] = [
    "cdp.doctor.examine_platform",
    "profiles.doctor.examine",
    "profiles.context.doctor.examine",
    "segments.doctor.examine",
    "segments.delivery.doctor.examine",
]

# -- PostgreSQL: the owner migrates, the application's role writes ---------------------------------------------
_EMBEDDED_SOCKET = CDP_DATA_DIR / "postgres.socket"
DATABASE_URL = env.text("DATABASE_URL", f"postgresql://cdp_app@/cdp?host={_EMBEDDED_SOCKET}")
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL", f"postgresql://cdp_owner@/cdp?host={_EMBEDDED_SOCKET}")
# Connections stay open and are not asked first whether they still are: that is a round trip for every request, and one
# that broke answers 503 once, is closed by Django at the end of that request, and is made anew by the next.
DATABASES = {
    "default": env.database("DATABASE_URL", DATABASE_URL) | {"CONN_MAX_AGE": None},
    "reads": env.database("DATABASE_URL", DATABASE_URL, options="-c synchronous_commit=off")
    | {"CONN_MAX_AGE": None, "TEST": {"MIRROR": "default"}},
    "owner": env.database("DATABASE_OWNER_URL", DATABASE_OWNER_URL) | {"TEST": {"MIRROR": "default"}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- what one caller may ask for: 0 is no limit ----------------------------------------------------------------
CDP_READS_PER_MINUTE = env.whole_number("CDP_READS_PER_MINUTE", 60_000)  # an application's key
CDP_REQUESTS_PER_MINUTE = env.whole_number("CDP_REQUESTS_PER_MINUTE", 600)  # a person's scripts, or an address
CDP_EVENTS_PER_MINUTE = env.whole_number("CDP_EVENTS_PER_MINUTE", 0)  # a write key
CDP_MOST_PENDING_EVENTS = env.whole_number("CDP_MOST_PENDING_EVENTS", 1_000_000)  # beyond it senders are told to wait

# -- Redis and Celery: only the doorbell, PostgreSQL is the queue of record ------------------------------------
REDIS_URL = env.text("REDIS_URL", f"unix://{CDP_DATA_DIR / 'valkey.socket'}")
# -- how long things are kept; 0 keeps them ---------------------------------------------------------------------
CDP_EVENT_RETENTION_MONTHS = env.whole_number("CDP_EVENT_RETENTION_MONTHS", 0)
CDP_INBOX_RETENTION_DAYS = env.whole_number("CDP_INBOX_RETENTION_DAYS", 30)  # requests as sent, once all are done

CELERY_BROKER_URL = env.broker("REDIS_URL", REDIS_URL)
_VISIBILITY_TIMEOUT = 900  # in all three places: applications sharing a broker get the shortest
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 30,
    "socket_timeout": 10,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "max_retries": 1,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": _VISIBILITY_TIMEOUT}
CELERY_VISIBILITY_TIMEOUT = _VISIBILITY_TIMEOUT
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True  # safe only because attempts are counted in the database
# No bound on messages taken ahead: an acknowledgement that fails (a Redis that froze) never gives its place back, and
# with as many places as processes the worker would wait for ever. They are rings of a bell that expire in seconds.
CELERY_WORKER_PREFETCH_MULTIPLIER = 0
# Never fewer than two, so that one process is left for the others where one is at something long; never more than a
# PostgreSQL of the usual size has connections for.
CDP_WEB_PROCESSES = env.whole_number("CDP_WEB_PROCESSES", env.cores(least=2, most=8), least=1)
CDP_WORKER_PROCESSES = env.whole_number("CDP_WORKER_PROCESSES", env.cores(least=2, most=8), least=1)
CELERY_WORKER_CONCURRENCY = CDP_WORKER_PROCESSES
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
# Whoever waits for somebody else's server waits in a process of its own.
CELERY_TASK_ROUTES = {"segments.deliver": {"queue": "delivery"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "sweep": {"task": "profiles.sweep", "schedule": 1.0, "options": {"expires": 5}},
    "segments": {"task": "segments.backfill", "schedule": 1.0, "options": {"expires": 5}},
    "schedules": {"task": "segments.run_schedules", "schedule": 1.0, "options": {"expires": 5}},
    "shadows": {"task": "segments.compare_shadows", "schedule": 30.0, "options": {"expires": 30}},
    "deliveries": {"task": "segments.deliver", "schedule": 1.0, "options": {"expires": 5}},
    "closed days": {"task": "segments.close_days", "schedule": 900.0, "options": {"expires": 900}},
    "thresholds": {"task": "segments.refresh_thresholds", "schedule": 60.0, "options": {"expires": 60}},
    "rule costs": {"task": "segments.measure_costs", "schedule": 60.0, "options": {"expires": 60}},
    "identity rule": {"task": "profiles.roll_out_identity_rule", "schedule": 2.0, "options": {"expires": 10}},
    "imports": {"task": "profiles.run_imports", "schedule": 2.0, "options": {"expires": 10}},
    "exports": {"task": "profiles.run_exports", "schedule": 2.0, "options": {"expires": 10}},
    "consent exports": {"task": "consent.run_exports", "schedule": 2.0, "options": {"expires": 10}},
    "violations": {"task": "profiles.fold_violations", "schedule": 60.0, "options": {"expires": 60}},
    "retention": {"task": "profiles.retention", "schedule": 60.0, "options": {"expires": 60}},
    "heartbeat": {"task": "cdp.heartbeat", "schedule": 5.0, "options": {"expires": 10}},
}

# -- files -------------------------------------------------------------------------------------------------------
CDP_MOST_IMPORT_BYTES = env.whole_number("CDP_MOST_IMPORT_BYTES", 2 * 1024**3, least=1)
CDP_EXPORT_DAYS = env.whole_number("CDP_EXPORT_DAYS", 7, least=1)  # how long an export is kept on disk
CDP_MOST_EXPORT_DAYS = env.whole_number("CDP_MOST_EXPORT_DAYS", 366, least=1)  # how long its period may be
# Counts of people below this are withheld from reports. Twenty also where nobody chose it: a count of three tells about
# three people, and whoever wants to see small numbers (a demo, a test system) can say so.
CDP_SMALLEST_COUNT = env.whole_number("CDP_SMALLEST_COUNT", 20)
CDP_FEWEST_MEMBERS = env.whole_number("CDP_FEWEST_MEMBERS", 20)  # a smaller segment has to be acknowledged
CDP_EVIDENCE_MINUTES = env.whole_number("CDP_EVIDENCE_MINUTES", 1_440, least=1)  # older, it is taken again
CDP_EVIDENCE_DRIFT_PERCENT = env.whole_number("CDP_EVIDENCE_DRIFT_PERCENT", 10)  # beyond it an approval says so
CDP_SHADOW_MINUTES = env.whole_number("CDP_SHADOW_MINUTES", 60, least=1)  # how often a shadow is compared
CDP_FUNNEL_SECONDS = env.whole_number("CDP_FUNNEL_SECONDS", 30, least=1)  # how long a report may take

# -- what is told to destinations outside -----------------------------------------------------------------------
CDP_DELIVERY_TIMEOUT_SECONDS = env.whole_number("CDP_DELIVERY_TIMEOUT_SECONDS", 15, least=1)  # for one whole exchange
# Messages go to public addresses only; these hosts and networks are reached as well, and by http if need be.
CDP_DELIVERY_ALLOW = env.words("CDP_DELIVERY_ALLOW")

# -- people and their sessions ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "cdp.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "locked.html"
AXES_VERBOSE = False
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CDP_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
APPEND_SLASH = False  # a 301 turns a POST into a GET, and the event it carried is gone

# -- REST -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "cdp.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["cdp.api.throttling.PerCaller"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Customer data platform",
    "DESCRIPTION": "Send events, read people with their segments and reasons, govern rules, export consent.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/v1",
    "PREPROCESSING_HOOKS": [
        "profiles.api.ingest.describe",
        "profiles.api.segment_profiles.described.describe",
        "segments.api.ofrep.described.describe",
    ],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "writeKey": {"type": "http", "scheme": "basic", "description": "A write key as user name, no password."}
        }
    },
    "ENUM_NAME_OVERRIDES": {
        "ConsentStateEnum": "consent.section.STATES",
        "JobStateEnum": "cdp.models.job.JobState",
        "FreshnessEnum": "segments.freshness.STATES",
        "ImportKindEnum": "profiles.api.imports.KINDS",
        "KeyKindEnum": "cdp.models.api_key.KeyKind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

# -- language, time, static files ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = True
FORMAT_MODULE_PATH = "cdp.formats"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = None  # nothing is collected: WhiteNoise serves straight from the packages
STATICFILES_DIRS = [BASE_DIR / "cdp" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

# -- the admin: its sidebar and dashboard; what a person may not see or what is not there is left out ------------------
NAVIGATION: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("", [("Overview", "admin:index", "space_dashboard")]),
    (
        "People",
        [
            ("People", "profiles.Profile", "group"),
            ("Merges", "profiles.Merge", "merge"),
            ("Identity rule", "profiles.IdentityRule", "fingerprint"),
        ],
    ),
    (
        "Segments",
        [
            ("Segments", "segments.Segment", "filter_alt"),
            ("Tags", "segments.Tagging", "sell"),
            ("Lists", "segments.UploadedList", "list_alt"),
            ("Thresholds", "segments.ThresholdDecision", "speed"),
            ("Funnels", "segments.Funnel", "stacked_bar_chart"),
            ("Destinations", "segments.Destination", "send"),
            ("Deliveries", "segments.DeliveryAttempt", "outgoing_mail"),
        ],
    ),
    (
        "Consent",
        [
            ("Consent log", "consent.Entry", "fact_check"),
            ("Purposes", "consent.Purpose", "flag"),
            ("Notices", "consent.Notice", "article"),
        ],
    ),
    (
        "Sources and events",
        [
            ("Sources", "profiles.Source", "sensors"),
            ("Tracking plans", "profiles.TrackingPlan", "rule"),
            ("Violations", "profiles.ViolationCount", "report"),
            ("Imports", "profiles.ImportJob", "upload_file"),
            ("Exports", "profiles.DataExport", "download"),
            ("Requests", "profiles.InboxRow", "inbox"),
            ("Parked people", "profiles.ParkedTouch", "pause_circle"),
            ("Rejected events", "profiles.RejectedEvent", "block"),
            ("Events", "profiles.EventDefinition", "bolt"),
            ("Traits", "profiles.TraitDefinition", "sell"),
        ],
    ),
    (
        "Platform",
        [
            ("API keys", "cdp.ApiKey", "key"),
            ("Users", "cdp.User", "manage_accounts"),
            ("Access records", "cdp.AccessRecord", "visibility"),
            ("Jobs", "cdp.Job", "pending_actions"),
            ("Your tokens", "cdp.PersonToken", "token"),
            ("API reference", "docs", "api"),
        ],
    ),
]
DASHBOARD_PANELS: list[str] = [
    "profiles.dashboard.people",
    "profiles.dashboard.last_hour",
    "segments.dashboard.live",
    "consent.dashboard.decisions",
    "profiles.dashboard.traffic",
    "profiles.dashboard.accounting",
    "segments.dashboard.sizes",
    "cdp.dashboard.waiting",
    "profiles.dashboard.rejections",
    "profiles.plans.dashboard.violated",
]
UNFOLD = {
    "SITE_TITLE": "Customer data platform",
    "SITE_HEADER": CDP_WORKSPACE_NAME,
    "SITE_SUBHEADER": "Customer data platform",
    "SITE_ICON": f"/{STATIC_URL.strip('/')}/cdp/mark.svg",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"/{STATIC_URL.strip('/')}/cdp/mark.svg"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "DASHBOARD_CALLBACK": "cdp.dashboard.dashboard",
    "STYLES": [f"/{STATIC_URL.strip('/')}/cdp/admin.css"],
    "SCRIPTS": [f"/{STATIC_URL.strip('/')}/cdp/admin.js"],
    "TABS": [
        {
            "models": ["profiles.eventdefinition", "profiles.propertydefinition"],
            "items": [
                {"title": "Events", "link": reverse_lazy("admin:profiles_eventdefinition_changelist")},
                {"title": "Properties", "link": reverse_lazy("admin:profiles_propertydefinition_changelist")},
            ],
        },
        {
            "models": ["segments.delivery", "segments.deliveryattempt"],
            "items": [
                {"title": "Attempts", "link": reverse_lazy("admin:segments_deliveryattempt_changelist")},
                {"title": "Messages", "link": reverse_lazy("admin:segments_delivery_changelist")},
            ],
        },
        {
            "models": ["segments.segment", "segments.membership"],
            "items": [
                {"title": "Segments", "link": reverse_lazy("admin:segments_segment_changelist")},
                {"title": "Memberships", "link": reverse_lazy("admin:segments_membership_changelist")},
                {"title": "Together", "link": reverse_lazy("admin:segments_segment_overview")},
            ],
        },
    ],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "cdp.navigation.sidebar"},
    "COLORS": {
        "primary": {
            "50": "oklch(97.6% .012 213)",
            "100": "oklch(94.6% .026 213)",
            "200": "oklch(89.5% .05 214)",
            "300": "oklch(82% .078 215)",
            "400": "oklch(74% .1 217)",
            "500": "oklch(62% .1 220)",
            "600": "oklch(48.5% .083 221)",
            "700": "oklch(42.5% .073 223)",
            "800": "oklch(37% .06 225)",
            "900": "oklch(31% .05 227)",
            "950": "oklch(24% .042 228)",
        },
    },
}

# -- what the product tells of itself ------------------------------------------------------------------------------
traces.check()
CDP_SLOW_REQUEST_MS = env.whole_number("CDP_SLOW_REQUEST_MS", 1000, least=1)
_LINES = env.choice("CDP_LOG_FORMAT", {"json": "JsonLines", "plain": "PlainLines"}, default="json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": f"cdp.observability.logs.{_LINES}"}},
    "filters": {"private": {"()": "cdp.private_logs.PrivateFilter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["private"]}},
    "root": {"handlers": ["stderr"], "level": env.text("CDP_LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": []},  # everything through the one handler that tells nothing about anybody
        "axes": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
