"""Who may use each call of the document. It knows no cookie (X-11)."""

from botyard.core.accounts.policy import PUBLIC, Table, admin, service, user, without_cookie

POLICY: Table = {
    # authentication
    "POST /api/v1/auth/login": PUBLIC,
    "GET /api/v1/auth/validate": PUBLIC,
    # bots
    "POST /api/v1/bots/create": without_cookie(user("bots:write")),
    "GET /api/v1/bots/list": without_cookie(user("bots:read")),
    # settings
    "GET /api/v1/config/settings": without_cookie(service("config:read")),
    "POST /api/v1/config/update": without_cookie(admin()),
    # logs
    "POST /api/v1/logs/submit": without_cookie(service("logs:write")),
    # secret data of bots
    "POST /api/v1/botdata/store": without_cookie(user("vault:write")).owned("bot"),
    "GET /api/v1/botdata/retrieve": without_cookie(user("vault:read")).owned("bot"),
    # documentation pages
    "GET /docs": PUBLIC,
    "GET /openapi.json": PUBLIC,
}
