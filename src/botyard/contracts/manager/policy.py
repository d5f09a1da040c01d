"""Who may use each call of the document."""

from botyard.core.accounts.policy import PUBLIC, Table, admin, bot, itself, person, user

POLICY: Table = {
    # authentication
    "POST /api/auth/register": PUBLIC,
    "POST /api/auth/login": PUBLIC,
    "POST /api/auth/forgot-password": PUBLIC,
    "POST /api/auth/reset-password": PUBLIC,
    "POST /api/auth/logout": person(),
    "GET /api/auth/me": person(),
    "POST /api/auth/update-profile": person(),
    "POST /api/auth/change-password": person(),
    "POST /api/auth/delete-account": person(),
    # users
    "GET /api/users": admin(),
    "GET /api/users/search": admin(),
    "GET /api/users/{user_id}": person().owned("user", foreign=403),
    "GET /api/users/{user_id}/bots": user("bots:read").owned("user", foreign=403),
    # bots
    "GET /api/my-bots": user("bots:read"),
    "POST /api/my-bots": user("bots:write"),
    "GET /api/my-bots/{bot_id}": user("bots:read").owned("bot"),
    "PUT /api/my-bots/{bot_id}": user("bots:write").owned("bot"),
    "DELETE /api/my-bots/{bot_id}": user("bots:write").owned("bot"),
    "GET /api/my-bots/{bot_id}/token": person().owned("bot"),
    "POST /api/my-bots/{bot_id}/regenerate-token": person().owned("bot"),
    "GET /api/my-bots/{bot_id}/data": user("data:read").owned("bot"),
    "GET /api/admin/bots": admin(),
    "GET /api/bot/{bot_id}/info": bot("bots:read").owned("bot"),
    # operations
    "POST /api/bot/{bot_id}/send-command": user("commands:write").owned("bot"),
    "POST /api/bot/{bot_id}/restart": user("commands:write").owned("bot"),
    "POST /api/bot/{bot_id}/stop": user("commands:write").owned("bot"),
    "GET /api/bot/{bot_id}/settings": bot("bots:read").owned("bot"),
    "PUT /api/bot/{bot_id}/settings": user("bots:write").owned("bot"),
    "GET /api/bot/{bot_id}/commands-history": user("commands:read").owned("bot"),
    # statistics
    "GET /api/stats/overview": user("stats:read"),
    "GET /api/stats/bot/{bot_id}": user("stats:read").owned("bot"),
    # export
    "GET /api/export/logs": user("logs:read"),
    "GET /api/export/messages": user("messages:read"),
    "GET /api/export/bot-data/{bot_id}": user("data:read").owned("bot"),
    # logs and messages
    "GET /api/logs": user("logs:read"),
    "POST /api/bot/{bot_id}/logs": bot("logs:write").owned("bot"),
    "GET /api/messages": user("messages:read"),
    "POST /api/bot/{bot_id}/messages": bot("messages:write").owned("bot"),
    "POST /api/bot/{bot_id}/sync": bot("data:write").owned("bot"),
    "GET /api/bot/{bot_id}/data": bot("data:read").owned("bot"),
    # commands
    "GET /api/commands": user("commands:read"),
    "POST /api/commands": user("commands:write"),
    "GET /api/bot/{bot_id}/commands": bot("commands:read").owned("bot"),
    "POST /api/commands/{command_id}/ack": bot("commands:write").owned("command"),
    # beyond the document: leases, and bots that say hello and goodbye
    "POST /api/commands/{command_id}/renew": bot("commands:write").owned("command"),
    "POST /api/commands/{command_id}/release": bot("commands:write").owned("command"),
    "POST /api/commands/{command_id}/cancel": user("commands:write").owned("command"),
    "POST /api/bot/{bot_id}/hello": itself().owned("bot"),
    "POST /api/bot/{bot_id}/heartbeat": itself().owned("bot"),
    "POST /api/bot/{bot_id}/bye": itself().owned("bot"),
    # documentation pages
    "GET /docs": PUBLIC,
    "GET /openapi.json": PUBLIC,
}
