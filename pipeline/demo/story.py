"""What happens in the demo, as numbers: the plan that every seed keeps.

A stack of 21 containers works for a day, then gets a new version of its API shortly after six in
the morning. From then on queries name an enum type that the database does not find: requests that
need Google tokens fail, the middleware breaks on the failed requests, and the worker that waits for
the calendar runs into its time limit. A roll-back ends it. All else goes on as before.
"""

from dataclasses import dataclass

from pipeline.demo.clock import END, SPLIT, Span, at

DEPLOY = at("2025-08-10T06:05:50Z")
ONSET = at("2025-08-10T06:06:28Z")
LAST = at("2025-08-10T11:43:23Z")
ROLL_BACK = at("2025-08-10T11:43:40Z")
# The chains of the first and the last request end within their second.
INCIDENT: Span = (ONSET, LAST + 1_000_000)
QUIET: tuple[Span, ...] = ((SPLIT, DEPLOY), (ROLL_BACK + 5_000_000, END))


@dataclass(frozen=True, slots=True)
class Background:
    """An error class at one rate in both days; *is_traffic*: it follows the daily profile."""

    name: str
    service_name: str
    baseline_count: int
    candidate_count: int
    is_traffic: bool


# The two totals are 6,308 and 6,281; each class differs by less than 4 %, within Poisson noise.
BACKGROUND = (
    Background("duplicate_key", "postgres", 1040, 1051, True),
    Background("foreign_key", "postgres", 212, 206, False),
    Background("retries_exhausted", "worker", 624, 611, True),
    Background("token_expired", "auth", 1485, 1467, True),
    Background("redis_reset", "auth", 318, 327, False),
    Background("mail_dns", "mailer", 402, 394, False),
    Background("upstream_closed", "nginx", 455, 462, True),
    Background("model_out_of_memory", "ollama", 288, 281, False),
    Background("validation", "api", 731, 744, True),
    Background("embedding_failed", "embedder", 366, 358, True),
    Background("delivery_refused", "webhook", 241, 236, True),
    Background("backup_upload", "backup", 48, 48, False),
    Background("index_query", "loki", 98, 96, False),
)

# New in the candidate window: 3,245 events, which make 9,526 with the background.
NEW_CLASSES = {"enum_binding": 1308, "asgi_message": 1206, "timeout": 731}
# Lags of the chain in milliseconds (least, most); the third of request, enum, 500, asgi, timeout.
LAGS = {
    ("request", "enum_binding"): (50, 140),
    ("enum_binding", "http_500"): (60, 200),
    ("http_500", "asgi_message"): (150, 450),
    ("asgi_message", "timeout"): (400, 1500),
}
# The first and the last chain: all of it in one second.
EDGE_LAGS = (80, 100, 250, 500)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of the API; failures are answers of 500 and above.

    *broken_count*: requests while the incident lasts, all of which fail (of the candidate's; 0 for
    endpoints that are not affected). *period_seconds*: asked by a clock instead of by people.
    """

    method: str
    route: str
    baseline_requests: int
    candidate_requests: int
    baseline_failures: int = 0
    candidate_failures: int = 0
    broken_count: int = 0
    period_seconds: int = 0


# A quarter of a day's requests (0.262 by the profile) fall into the incident's hours.
ENDPOINTS = (
    Endpoint("POST", "/api/v1/calendar/sync/auto", 2900, 2911, 3, 762, broken_count=760),
    Endpoint("GET", "/api/v1/oauth/services", 801, 806, 1, 211, broken_count=210),
    Endpoint("POST", "/api/v1/oauth/authorize/calendar", 366, 362, 0, 96, broken_count=96),
    Endpoint("GET", "/api/v1/drive/files", 626, 630, 1, 165, broken_count=164),
    Endpoint("POST", "/api/v1/gmail/send", 298, 295, 1, 78, broken_count=78),
    Endpoint("GET", "/health", 8640, 8640, period_seconds=10),
    Endpoint("GET", "/api/v1/health", 2880, 2880, period_seconds=30),
    Endpoint("GET", "/api/v1/monitoring/metrics", 5760, 5760, period_seconds=15),
    Endpoint("GET", "/api/v1/conversations", 7010, 7054, 6, 5),
    Endpoint("GET", "/api/v1/conversations/{id}", 5220, 5187, 4, 5),
    Endpoint("POST", "/api/v1/chat/messages", 4630, 4671, 9, 10),
    Endpoint("GET", "/api/v1/documents", 3300, 3268, 3, 3),
    Endpoint("GET", "/api/v1/documents/{id}", 2950, 2981, 2, 2),
    Endpoint("POST", "/api/v1/documents", 1180, 1166, 4, 3),
    Endpoint("DELETE", "/api/v1/documents/{id}", 190, 187),
    Endpoint("GET", "/api/v1/tasks", 3940, 3975, 3, 4),
    Endpoint("PATCH", "/api/v1/tasks/{id}", 1420, 1402, 1, 1),
    Endpoint("GET", "/api/v1/users/me", 6600, 6641, 2, 2),
    Endpoint("POST", "/api/v1/auth/refresh", 2350, 2331, 2, 3),
    Endpoint("GET", "/api/v1/settings", 1650, 1672, 1, 0),
    Endpoint("GET", "/api/v1/search", 2040, 2015, 3, 2),
    Endpoint("GET", "/api/v1/notifications", 4820, 4858, 3, 3),
)
CALENDAR = ENDPOINTS[0]
BROKEN = tuple(endpoint for endpoint in ENDPOINTS if endpoint.broken_count)
