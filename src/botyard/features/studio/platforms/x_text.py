"""How X counts a text: a URL is 23 whatever its length, an emoji 2 however it is composed, other characters 1 or 2.

Source: X's page on counting characters and the weights that it publishes (configuration version 3), read 2026-11-25.
"""

import re
import unicodedata

LIMIT = 280
URL_LENGTH = 23
_LIGHT = (
    (0, 4351),
    (8192, 8205),
    (8208, 8223),
    (8242, 8247),
)  # code points that count 1; every other counts 2

# X shortens what looks like an address, with or without a scheme. Without one the ending must be one that exists:
# these are the countries' and the common ones; under any other a name counts letter by letter here.
_ENDINGS = "|".join(
    (  # noqa: SIM905 - a list of 300 lines says no more
        "com org net edu gov mil int info biz name pro aero coop museum mobi jobs travel app dev page blog shop store "
        "online site tech cloud live news xyz club art design studio agency media social network email world today life "
        "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc "
        "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga "
        "gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp "
        "ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms "
        "mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro "
        "rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv "
        "tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
    ).split()
)
_ANY = r"[^\W_](?:[\w-]{0,61}[^\W_])?"  # a part of a name, in any script; only behind a scheme
_ASCII = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TAIL = r"(?::\d{1,5})?(?:[/?#][!#-;=?-~\u00a1-\u04ff]*)?"
_URL = re.compile(
    rf"(?<![@#$A-Za-z0-9_./-])(?:https?://{_ANY}(?:\.{_ANY})+{_TAIL}"
    rf"|(?:{_ASCII}\.)+(?:{_ENDINGS})(?![a-z0-9_@-]|\.[a-z0-9]){_TAIL})",
    re.IGNORECASE,
)
_TRAILING = ".,;:!?'\")]}…"  # at the end of an address these belong to the sentence
_JOINER, _TEXT_STYLE, _EMOJI_STYLE, _KEYCAP = 0x200D, 0xFE0E, 0xFE0F, 0x20E3
_SKIN = range(0x1F3FB, 0x1F400)
_FLAG = range(0x1F1E6, 0x1F200)
_TAGS = range(0xE0020, 0xE0080)
_PICTURES = (range(0x1F300, 0x1FB00), range(0x2600, 0x27C0), range(0x2B00, 0x2C00), range(0x2300, 0x2400))


def length(text: str) -> int:
    """The weighted length of a text, to be held against `LIMIT`."""
    normal = unicodedata.normalize("NFC", text)
    total, position = 0, 0
    for start, end in _addresses(normal):
        total += _plain(normal[position:start]) + URL_LENGTH
        position = end
    return total + _plain(normal[position:])


def has_url(text: str) -> bool:
    """Whether X will find an address in it, which makes a post dearer."""
    return next(iter(_addresses(unicodedata.normalize("NFC", text))), None) is not None


def _addresses(text: str) -> list[tuple[int, int]]:
    spans = ((found.start(), found.start() + len(_trimmed(found.group()))) for found in _URL.finditer(text))
    return [span for span in spans if span[1] > span[0]]


def _trimmed(address: str) -> str:
    """Without what closes the sentence; a bracket that the address itself opened stays."""
    while address and address[-1] in _TRAILING:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address


def _plain(text: str) -> int:
    codes = [ord(character) for character in text]
    total, position = 0, 0
    while position < len(codes):
        end = _emoji_end(codes, position)
        total += 2 if end else _weight(codes[position])
        position = end or position + 1
    return total


def _weight(code: int) -> int:
    return 1 if any(low <= code <= high for low, high in _LIGHT) else 2


def _emoji_end(codes: list[int], start: int) -> int:
    """Where the emoji that begins here ends, 0 where none does."""
    if keycap := _keycap_end(codes, start):
        return keycap
    if codes[start] in _FLAG:
        return start + 2 if start + 1 < len(codes) and codes[start + 1] in _FLAG else 0
    end = _picture_end(codes, start)
    while end and end + 1 < len(codes) and codes[end] == _JOINER:
        joined = _picture_end(codes, end + 1)
        if not joined:
            break
        end = joined
    return end


def _picture_end(codes: list[int], start: int) -> int:
    end = start + 1
    styled = codes[end : end + 1] == [_EMOJI_STYLE]  # a plain sign that is asked to be a picture, such as ©
    if not styled and not any(codes[start] in block for block in _PICTURES):
        return 0
    while end < len(codes) and (codes[end] == _EMOJI_STYLE or codes[end] in _SKIN or codes[end] in _TAGS):
        end += 1
    return 0 if end < len(codes) and codes[end] == _TEXT_STYLE else end


def _keycap_end(codes: list[int], start: int) -> int:
    """For a digit, `#` or `*` in a box."""
    if chr(codes[start]) not in "0123456789#*":
        return 0
    if codes[start + 1 : start + 3] == [_EMOJI_STYLE, _KEYCAP]:
        return start + 3
    return start + 2 if codes[start + 1 : start + 2] == [_KEYCAP] else 0
