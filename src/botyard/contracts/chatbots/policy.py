"""Who may use each call of the document. It knows no cookie (X-11)."""

from botyard.contracts.chatbots.envelope import PREFIXES
from botyard.core.accounts.policy import PUBLIC, Table, person, user, without_cookie

_HEALTH: Table = {
    "GET /health/liveness": PUBLIC,
    "GET /health/readiness": PUBLIC,
    "GET /health/metrics": PUBLIC,
}
# Below each of the prefixes.
CALLS: Table = {
    # authentication
    "POST /auth/register": PUBLIC,
    "POST /auth/login": PUBLIC,
    "POST /auth/refresh": PUBLIC,
    "POST /auth/logout": person(),
    "POST /auth/mfa/setup": person(),
    "POST /auth/mfa/verify": person(),
    "POST /auth/api-keys": person(),
    "GET /auth/api-keys": person(),
    "DELETE /auth/api-keys/{key_id}": person().owned("api_key"),
    # chatbots
    "GET /chatbots": user("bots:read"),
    "POST /chatbots": user("bots:write"),
    "GET /chatbots/{chatbot_id}": user("bots:read").owned("chatbot"),
    "PUT /chatbots/{chatbot_id}": user("bots:write").owned("chatbot"),
    "DELETE /chatbots/{chatbot_id}": user("bots:write").owned("chatbot"),
    "GET /chatbots/{chatbot_id}/content": user("bots:read").owned("chatbot"),
    "PUT /chatbots/{chatbot_id}/content": user("bots:write").owned("chatbot"),
    "POST /chatbots/{chatbot_id}/train": user("bots:write").owned("chatbot"),
    "POST /chatbots/{chatbot_id}/deploy": user("bots:write").owned("chatbot"),
    "POST /chatbots/{chatbot_id}/rollback": user("bots:write").owned("chatbot"),
    "GET /chatbots/{chatbot_id}/versions": user("bots:read").owned("chatbot"),
    "GET /chatbots/{chatbot_id}/analytics": user("stats:read").owned("chatbot"),
    # conversations
    "GET /conversations": user("messages:read"),
    "POST /conversations": user("messages:write"),
    "GET /conversations/{conversation_id}": user("messages:read").owned("conversation"),
    "GET /conversations/{conversation_id}/messages": user("messages:read").owned("conversation"),
    "POST /conversations/{conversation_id}/messages": user("messages:write").owned("conversation"),
    "GET /conversations/{conversation_id}/trace": user("messages:read").owned("conversation"),
    "POST /conversations/{conversation_id}/rating": user("messages:write").owned("conversation"),
    "POST /conversations/{conversation_id}/messages/{message_id}/thumbs-down": user("messages:write").owned(
        "conversation"
    ),
    "POST /conversations/{conversation_id}/close": user("messages:write").owned("conversation"),
    "POST /conversations/{conversation_id}/attend": user("messages:write").owned("conversation"),
    "POST /conversations/{conversation_id}/replies": user("messages:write").owned("conversation"),
    "POST /conversations/{conversation_id}/return": user("messages:write").owned("conversation"),
    # training
    "GET /training/datasets": user("bots:read"),
    "POST /training/datasets": user("bots:write"),
    "GET /training/datasets/{dataset_id}": user("bots:read").owned("dataset"),
    "PUT /training/datasets/{dataset_id}": user("bots:write").owned("dataset"),
    "DELETE /training/datasets/{dataset_id}": user("bots:write").owned("dataset"),
    "GET /training/jobs": user("bots:read"),
    "POST /training/jobs": user("bots:write"),
    "GET /training/jobs/{job_id}": user("bots:read").owned("training"),
    "GET /training/jobs/{job_id}/report": user("bots:read").owned("training"),
    "POST /training/jobs/{job_id}/cancel": user("bots:write").owned("training"),
    # templates
    "GET /templates": user("bots:read"),
    "POST /templates": user("bots:write"),
    "GET /templates/{template_id}": user("bots:read").owned("template"),
    "PUT /templates/{template_id}": user("bots:write").owned("template"),
    "DELETE /templates/{template_id}": user("bots:write").owned("template"),
    # webhooks
    "POST /webhooks": user("bots:write"),
    "GET /webhooks": user("bots:read"),
    "GET /webhooks/{webhook_id}": user("bots:read").owned("webhook"),
    "PUT /webhooks/{webhook_id}": user("bots:write").owned("webhook"),
    "DELETE /webhooks/{webhook_id}": user("bots:write").owned("webhook"),
    "POST /webhooks/{webhook_id}/rotate-secret": user("bots:write").owned("webhook"),
    "POST /webhooks/{webhook_id}/test": user("bots:write").owned("webhook"),
    "GET /webhooks/{webhook_id}/deliveries": user("bots:read").owned("webhook"),
    "GET /webhooks/{webhook_id}/deliveries/{delivery_id}": user("bots:read").owned("webhook"),
    "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/replay": user("bots:write").owned("webhook"),
    "POST /webhooks/{webhook_id}/replay": user("bots:write").owned("webhook"),
    # voice
    "POST /voice/tts": user("bots:read"),
    "POST /voice/stt": user("bots:read"),
    "GET /voice/voices": user("bots:read"),
    # health
    **_HEALTH,
}
_PAGES: Table = {
    "GET /docs": PUBLIC,
    "GET /openapi.json": PUBLIC,
    **{f"GET {prefix}/docs": PUBLIC for prefix in PREFIXES},
    **{f"GET {prefix}/docs.json": PUBLIC for prefix in PREFIXES},
}


def _below(prefix: str, name: str) -> str:
    method, _, path = name.partition(" ")
    return f"{method} {prefix}{path}"


POLICY: Table = {
    **{_below(prefix, name): without_cookie(rule) for prefix in PREFIXES for name, rule in CALLS.items()},
    **_PAGES,
}
# What the rate limits leave out (C-19); documentation pages leave themselves out.
UNCOUNTED = frozenset(_below(prefix, name) for prefix in PREFIXES for name in _HEALTH)
