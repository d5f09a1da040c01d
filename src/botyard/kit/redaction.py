"""Takes secrets out of what is about to be written down: by the name of a field, and by their looks."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import PurePath
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

HIDDEN = "[redacted]"
MAX_TEXT = 16_000  # one line of a log never needs more; its start and its end are kept
_MAX_DEPTH = 8
_LABELS = ("name", "key", "Name", "Key", "header", "field")
_VALUES = frozenset({"value", "values", "Value", "Values"})
_MAX_NAME = 64
_NO_NAME = re.compile(r"[\s=:/]")  # what is longer or has one of these is no name of a field
_FIELD = re.compile(
    r"[a-z]+(?:_[a-z]+)*"
)  # two of these side by side are names, as in a list of what is missing

_WORDS = frozenset(
    "token tokens secret secrets password passwords passwd passphrase pwd authorization cookie cookies "  # noqa: SIM905
    "credential credentials apikey apikeys otp totp mfacode jwt bearer signature ticket cvv cvc passcode "
    "phpsessid jsessionid sessionid".split()
)
_PAIRS = frozenset(
    "api_key api_keys private_key master_key signing_key secret_key access_key encryption_key recovery_code "  # noqa: SIM905
    "recovery_codes totp_code mfa_code backup_codes set_cookie invite_code reset_code session_id "
    "pass_word pass_phrase pass_wd pass_code account_key storage_key card_number consumer_key auth_key ssh_key "
    "client_key verification_code".split()
)
# Secrets only as the last word: `db_pass` and `card_pin`, but not `pass_rate` and `pin_count`.
_LAST = ("pass", "pin")
_COOKIES = frozenset({"connect.sid"})
# Written in one word with what it belongs to: `dbpassword`, `authtoken`.
_ENDINGS = (
    *("password", "passwd", "passphrase", "secret", "apikey", "token", "credential", "credentials"),
    *("authkey", "accesskey", "accountkey", "clientkey", "consumerkey", "privatekey", "secretkey", "sshkey"),
)
# Under these names a number is no count but the secret itself.
_NUMBERS = frozenset("password passwd passcode pass pwd secret otp totp pin cvv cvc code number word".split())  # noqa: SIM905
_LEAST_NUMBER = 100
_QUERY_ONLY = frozenset({"key", "code", "sig", "auth", "session", "state"})
_SPLIT = re.compile(r"[^a-z]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Whether a field of that name holds a secret, in any spelling: `apiKey`, `X-Api-Key`, `bot_token`."""
    words = _words(name)
    pairs = (f"{one}_{two}" for one, two in pairwise(words))
    return (
        any(word in _WORDS or word.endswith(_ENDINGS) for word in words)
        or any(pair in _PAIRS for pair in pairs)
        or (bool(words) and words[-1] in _LAST and name.lower().endswith(_LAST))
        or name.lower() in _COOKIES
    )


@lru_cache(maxsize=4096)
def _hides_numbers(name: str) -> bool:
    """Whether a number in a field of that name may be the secret: `otp`, but not `tokens_used`."""
    return is_sensitive(name) and _words(name)[-1] in _NUMBERS


def _words(name: str) -> list[str]:
    return [word for word in _SPLIT.split(_HUMP.sub("_", name[:200]).lower()) if word]


_PARAMETER = (
    r"(?:token|secret|passw(?:or)?d|passphrase|pass[_-]?code|pwd|signature|ticket|credential|jwt|sess(?:ion)?[_-]?id"
    r"|(?:api|access|private|account|auth|client|consumer|ssh)[_-]?key|verification[_-]?code|connect\.sid)[\w.-]{0,24}"
)
_QUOTE = r"\\{0,3}['\"]"
_SEPARATOR = r"(?:=>|:=|[:=])"
_SET_TO = rf"\\{{0,3}}['\"]?\s{{0,3}}{_SEPARATOR}\s{{0,3}}"  # the rest of `name = `, `"name": `, `\"name\": `
_ANY_NAME = (
    "token",
    "secret",
    "pass",
    "pwd",
    "key",
    "signature",
    "ticket",
    "credential",
    "jwt",
    "sess",
    "verification",
    "connect.sid",
)
# In quotes, or up to the next gap; a comma belongs to it unless another field comes behind.
_BARE = r"(?:[^\s\"',;&})\\]|,(?![\s\"'{\[]|[\w.-]{1,40}\s?[:=]|\Z))"


class _Look(NamedTuple):
    """How one sort of secret looks. A text (in lower case) with none of the hints is not searched: most lines of a
    log have none, and looking for a word costs a fiftieth of looking for a pattern."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    instead: str = HIDDEN
    also: tuple[str, ...] = ("",)  # of these it has one besides


_LOOKS = (
    # one of ours: kind and id stay, so that the line still says which token it was
    _Look(
        ("by_",),
        re.compile(r"\b(by_[a-z]{1,16}_[0-9A-Za-z]{1,40}_)[0-9A-Za-z]{8,}", re.ASCII),
        rf"\1{HIDDEN}",
    ),
    _Look(("eyj",), re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*", re.ASCII)),
    _Look(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END[^-\r\n]{0,60}-----|\Z)"
        ),
    ),
    # GitHub and GitLab, Slack, the ids of AWS, Google; models and payments
    _Look(
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
        re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-)[\w-]{20,}", re.ASCII),
    ),
    _Look(("xox",), re.compile(r"\bxox[a-z]-[\w-]{10,}", re.ASCII)),
    _Look(("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", re.ASCII)),
    _Look(("aiza",), re.compile(r"\bAIza[\w-]{35}", re.ASCII)),
    _Look(
        ("sk-", "sk_", "rk-", "rk_", "whsec"),
        re.compile(r"\b(?:sk|rk|whsec)[-_](?:[a-z]{2,10}[-_])?[\w-]{16,}", re.ASCII),
    ),
    # npm, Hugging Face, SendGrid, applications at X; addresses that let anybody post
    _Look(("npm_",), re.compile(r"\bnpm_[0-9A-Za-z]{36}", re.ASCII)),
    _Look(("hf_",), re.compile(r"\bhf_[0-9A-Za-z]{20,}", re.ASCII)),
    _Look(("sg.",), re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}", re.ASCII)),
    _Look(("a" * 18,), re.compile(r"\bA{18}[\w%+/=-]{30,}", re.ASCII)),
    _Look(
        ("hooks",),
        re.compile(
            r"(?i)\b(hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
            r"|discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/)[\w/-]{8,}",
            re.ASCII,
        ),
        rf"\1{HIDDEN}",
    ),
    # headers written out: nothing after their name on that line is worth the risk
    _Look(
        ("authorization", "cookie"),
        re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(['\"]?\s{0,3}[:=])[^\r\n]+"),
        rf"\1\2 {HIDDEN}",
    ),
    _Look(("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s{1,3}[^\s,;\"']{6,}"), rf"\1 {HIDDEN}"),
    # user:password@ of an address, whatever the scheme
    _Look(("://",), re.compile(r"(://[^/\s:@]{0,200}):[^\s/]{0,500}@"), rf"\1:{HIDDEN}@", ("@",)),
    # with a slash in the password, as long as it is no port with a path; a token alone in front of the host
    _Look(
        ("://",),
        re.compile(r"(://[^/\s:@\[]{0,200}):(?!\d{1,5}/)[^\s@\"'<>,]{1,500}@"),
        rf"\1:{HIDDEN}@",
        ("@",),
    ),
    _Look(("://",), re.compile(r"://[\w~+%-]{20,500}@", re.ASCII), f"://{HIDDEN}@", ("@",)),
    _Look(
        (*_ANY_NAME, "code=", "sig=", "auth=", "state="),
        re.compile(
            rf"(?i)([?&;#](?:[\w.-]{{0,24}}{_PARAMETER}|{'|'.join(sorted(_QUERY_ONLY))})=)[^&\s#\"']+"
        ),
        rf"\1{HIDDEN}",
    ),
    # `<password>…</password>` and `--password …`
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)(<(?:[\w.:-]{{0,24}}{_PARAMETER}|pass)(?:\s[^<>]{{0,100}})?>(?:<!\[CDATA\[)?)"
            rf"(?!\[redacted\])[^<\r\n]{{1,500}}(?=</)"
        ),
        rf"\1{HIDDEN}",
        ("</",),
    ),
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)(--(?:[\w-]{{0,24}}{_PARAMETER}|(?:[\w-]{{0,24}}[_-])?pass) {{1,3}})(?![-\[]|(?:option|flag|argument|must|needs)\b)"
            r"(?:'[^'\r\n]{1,500}'|\"[^\"\r\n]{1,500}\"|[^\s\"'\\]{4,})"
        ),
        rf"\1{HIDDEN}",
        ("--",),
    ),
    # in brackets, all that they hold: `['a', 'b']`, `Some("a")`; but not `tokens: [1, 2]`
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)((?:{_PARAMETER}|(?<![a-z0-9])pass){_SET_TO}(?:[a-z]\w{{0,19}}(?=\())?[\[(])"
            r"(?!\[?redacted\]|[\d\s.-]{0,500},[\d\s,.-]{0,500}\])"
            r"(?:'[^'\r\n]{0,200}'|\"[^\"\r\n]{0,200}\"|[^\])\r\n]){1,500}"
        ),
        rf"\1{HIDDEN}",
        ("[", "("),
    ),
    # `"name": "X-Api-Key", "value": "…"` and `["X-Api-Key", "…"]`, but not two names of fields
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)({_PARAMETER}{_QUOTE}\s{{0,3}},\s{{0,3}}{_QUOTE}value{_QUOTE}\s{{0,3}}:\s{{0,3}}({_QUOTE}))"
            r"(?!\[redacted\])[^\r\n]{1,500}?(?<!\\)\2"
        ),
        rf"\1{HIDDEN}\2",
        ("value", "Value"),
    ),
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)([\[(]{_QUOTE}[\w.-]{{0,24}}{_PARAMETER}{_QUOTE}\s{{0,3}},\s{{0,3}}({_QUOTE}))"
            rf"(?!\[redacted\]|(?-i:[a-z_]{{1,40}}){_QUOTE})[^\r\n]{{1,500}}?(?<!\\)\2(?=\s{{0,3}}[\])])"
        ),
        rf"\1{HIDDEN}\2",
        ("['", '["', "[\\", "('", '("', "(\\"),
    ),
    # in quotes, all of it; without them up to the next gap
    _Look(
        _ANY_NAME,
        re.compile(
            rf"(?i)((?:{_PARAMETER}|(?<![a-z0-9])pass){_SET_TO}[bruf]{{0,2}}({_QUOTE}))"
            r"(?!\[redacted\])[^\r\n]{1,500}?(?<!\\)\2"
        ),
        rf"\1{HIDDEN}\2",
        ("'", '"'),
    ),
    _Look(
        _ANY_NAME,
        re.compile(rf"(?i)({_PARAMETER}{_SET_TO}['\"]?)(?!\[){_BARE}{{4,}}"),
        rf"\1{HIDDEN}",
        (":", "="),
    ),
    # `pass=…`, but not `second pass: reading`, `bypass=yes` and `pass=true`
    _Look(
        ("pass",),
        re.compile(
            r"(?i)((?:(?<![a-z0-9])pass=|(?:[_-]|^\s{0,8}|[{,;]\s{0,3})pass:\s{0,3})['\"]?)"
            rf"(?!\[|(?:true|false|null|none)\b){_BARE}{{4,}}"
        ),
        rf"\1{HIDDEN}",
    ),
    # as numbers only; other pins are those of a device
    _Look(
        ("pin", "otp"),
        re.compile(
            r"(?i)((?<![a-z0-9])(?:pin|t?otp)\\{0,3}['\"]? {0,3}[:=] {0,3}\\{0,3}['\"]?)\d{4,12}(?!\d)"
        ),
        rf"\1{HIDDEN}",
    ),
    # Telegram's bot tokens, which its addresses carry in the path
    _Look((":",), re.compile(r"\d{6,12}:[\w-]{30,}", re.ASCII)),
)
# What JSON holds that `redact` might change: the same, and names of fields that no text shows as a secret.
_PIN = ('pin"', "pin'", "pin\\", "pin ", "pin:", "pin=")  # not `shipping`
_ALL_HINTS = {hint for look in _LOOKS for hint in look.hints if hint not in (":", "pin")} | {
    *("pass", "otp", "mfa", "cvv", "cvc", "recovery", "backup", "invite", "reset", "card", *_PIN),
}
# One that holds another is found with it. Some share a part: without it, none of them needs a look.
_JSON_HINTS = tuple(hint for hint in _ALL_HINTS if not any(other in hint for other in _ALL_HINTS - {hint}))
_SHARED = ("gh", "k-", "k_", "=", "pin")
_SHARING = tuple((part, tuple(hint for hint in _JSON_HINTS if part in hint)) for part in _SHARED)
_ALONE = tuple(hint for hint in _JSON_HINTS if not any(part in hint for part in _SHARED))
_TELEGRAM = re.compile(r":(?<=\d:)[\w-]{30}")
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_CARD_LENGTH = (13, 19)
_ZEROS = b"0" * _CARD_LENGTH[0]
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])", re.ASCII)
# The networks' first digits with the lengths that they give: others are ids and moments.
_NETWORK = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[068]\d{12}|6\d{15}|6\d{18}"
)


def redact(value: Any, *, whole: bool = False) -> Any:
    """The same value fit for a log: secrets hidden, long texts cut, unknown objects turned into text.

    With `whole` nothing is cut, neither long texts nor what is nested deep: for what is bounded already.
    """
    return _redact(value, 0, whole)


def redact_text(text: str, *, whole: bool = False) -> str:
    """A text without anything that looks like a secret; cut in its middle where it is long, unless `whole`."""
    if len(text) > MAX_TEXT and not whole:
        half = MAX_TEXT // 2
        text = f"{text[:half]} [{len(text) - MAX_TEXT} characters left out] {text[-half:]}"
    if _has_long_number(text):
        text = _CARD.sub(lambda found: HIDDEN if _is_card(found[0]) else found[0], text)
    lowered = text.lower()
    for hints, pattern, instead, also in _LOOKS:
        for hint in hints:
            if hint in lowered:
                if any(part in text for part in also):
                    text = pattern.sub(instead, text)
                break
    return text


def may_hold_secret(json: str) -> bool:
    """Whether `redact` might change anything in this JSON: a quick look at the whole, often wrong, but never by
    saying no."""
    lowered = json.lower()
    for hint in _ALONE:  # a third of the time that `any` and a generator take
        if hint in lowered:
            return True
    for part, hints in _SHARING:
        if part in lowered:
            for hint in hints:
                if hint in lowered:
                    return True
    return _has_long_number(lowered) or _TELEGRAM.search(lowered) is not None


def _has_long_number(text: str) -> bool:
    return _ZEROS in text.encode("ascii", "replace").translate(_DIGITS, b" -")


def _is_card(text: str) -> bool:
    """Whether the digits are a number that a payment network would give, by its look and its check digit."""
    digits = text.replace(" ", "").replace("-", "")
    if not _NETWORK.fullmatch(digits):
        return False
    odd, even = digits[-1::-2], digits[-2::-2]
    doubled = (2 * int(digit) for digit in even)
    return (sum(map(int, odd)) + sum(each - 9 if each > 9 else each for each in doubled)) % 10 == 0


def redact_url(url: str) -> str:
    """An address without its password, fragment and the values of telling query parameters."""
    try:
        parts = urlsplit(url)
        query = "&".join(_redact_parameter(item) for item in parts.query.split("&"))
        user, at, host = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}:{HIDDEN}@{host}" if at and ":" in user else parts.netloc
        return redact_text(parts._replace(netloc=netloc, query=query, fragment="").geturl())
    except ValueError:
        return redact_text(url)


def _redact_parameter(item: str) -> str:
    name, equals, _ = item.partition("=")
    secret = equals and (name.lower() in _QUERY_ONLY or is_sensitive(name))
    return f"{name}={HIDDEN}" if secret else item


def _redact(value: Any, depth: int, whole: bool) -> Any:
    if isinstance(value, str):
        return redact_text(str(value), whole=whole)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return HIDDEN if value >= 10 ** (_CARD_LENGTH[0] - 1) and _is_card_number(value) else value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth >= _MAX_DEPTH and not whole:
        return "…"
    if isinstance(value, Mapping):
        named = _names_secret(value)
        return {
            _redact_name(str(k)): _redact_field(named if named and k in _VALUES else str(k), v, depth, whole)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return _redact_items(value, depth, whole)
    if isinstance(value, set | frozenset):
        return [_redact(item, depth + 1, whole) for item in value]
    plain = isinstance(value, date | Decimal | PurePath | UUID | BaseException)
    return redact_text(str(value) if plain else repr(value), whole=whole)


def _names_secret(value: Mapping[Any, Any]) -> str:
    """The name that `{"name": "X-Api-Key", "value": …}` gives to its value, where that is the name of a secret."""
    if not _VALUES.isdisjoint(value):
        for label in _LABELS:
            name = value.get(label)
            if isinstance(name, str) and _is_secret_name(name):
                return name
    return ""


def _redact_items(items: list[Any] | tuple[Any, ...], depth: int, whole: bool) -> list[Any]:
    """Hides what follows the name of a secret: in a pair or raw headers, or behind an option of a command."""
    cleaned: list[Any] = []
    name: str | None = None
    paired = len(items) % 2 == 0
    for place, item in enumerate(items):
        if name is None or (_FIELD.fullmatch(name) and isinstance(item, str) and _FIELD.fullmatch(item)):
            cleaned.append(_redact(item, depth + 1, whole))
        else:
            cleaned.append(_redact_field(name, item, depth, whole))
        name = None
        if isinstance(item, str) and ((paired and place % 2 == 0) or item.startswith("--")):
            name = item if _is_secret_name(item) else None
    return cleaned


def _is_secret_name(name: str) -> bool:
    return len(name) <= _MAX_NAME and not _NO_NAME.search(name) and is_sensitive(name)


def _is_card_number(value: int) -> bool:
    return value < 10 ** _CARD_LENGTH[1] and _is_card(str(value))


def _redact_name(name: str) -> str:
    # No secret of any kind above is this short; names of fields usually are.
    return name if len(name) < _CARD_LENGTH[0] else redact_text(name)


def _redact_field(name: str, value: Any, depth: int, whole: bool) -> Any:
    # Yes, no, nothing and counts are no secrets; `password_set: true` is worth reading.
    if is_sensitive(name):
        if value is None or isinstance(value, bool):
            return value
        if not isinstance(value, int | float) or (_hides_numbers(name) and abs(value) >= _LEAST_NUMBER):
            return HIDDEN
    return _redact(value, depth + 1, whole)
