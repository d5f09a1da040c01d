"""Entities that need no training: numbers, percentages, money, durations, mail addresses, telephone numbers, links.

Values are JSON: numbers as numbers, money as `{amount, currency}` with the amount as text, durations in seconds.
"""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from botyard.features.chatbots.nlu.types import Found

SYSTEM = ("email", "url", "phone", "date", "duration", "money", "percentage", "number")  # what wins over what

_AMOUNT = r"\d{1,3}(?:[ '.,\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d{1,15}(?:[.,]\d{1,6})?(?!\d)"
_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB", "₩": "KRW", "R$": "BRL",
            "₺": "TRY", "zł": "PLN", "₴": "UAH", "₪": "ILS", "฿": "THB", "₿": "BTC"}  # fmt: skip
_CURRENCIES = {
    "EUR": "euro euros eur", "USD": "dollar dollars usd dólares dolares dólar bucks", "CHF": "chf francs franken",
    "GBP": "pound pounds gbp pfund libras quid", "JPY": "yen jpy 円", "CNY": "yuan cny rmb 元", "INR": "rupee rupees inr",
    "BRL": "reais real brl", "RUB": "рублей рубля рубль руб", "PLN": "pln złotych złoty", "BTC": "btc bitcoin bitcoins",
    "ETH": "eth ether", "USDT": "usdt", "SEK": "sek", "NOK": "nok", "DKK": "dkk", "CAD": "cad", "AUD": "aud",
    "MXN": "mxn", "TRY": "lira try",
}  # fmt: skip
_CURRENCY = {word: code for code, words in _CURRENCIES.items() for word in words.split()} | {
    symbol.lower(): code for symbol, code in _SYMBOLS.items()
}
_UNITS = {
    1: "second seconds sec secs sekunde sekunden segundo segundos seconde secondes secondo secondi секунд секунды 秒",
    60: "minute minutes min mins minuten minuto minutos minuti минут минуты минуту 分 分钟 分間",
    3600: "hour hours hr hrs h stunde stunden hora horas heure heures ora ore час часа часов 時間 小时",
    86400: "day days tag tage tagen día días dia dias jour jours giorno giorni день дня дней 日間 天",
    604800: "week weeks woche wochen semana semanas semaine semaines settimana settimane неделя недели недель 週間 周",
    2592000: "month months monat monate monaten mes meses mois mese mesi месяц месяца месяцев ヶ月 个月",
    31536000: "year years jahr jahre jahren año años ano anos ans année années anno anni год года лет",
}
_UNIT = {word: seconds for seconds, words in _UNITS.items() for word in words.split()}
_SMALL = {
    "one two three four five six seven eight nine ten eleven twelve": range(1, 13),
    "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf": range(1, 13),
    "un deux trois quatre cinq six sept huit neuf dix onze douze": range(1, 13),
    "uno dos tres cuatro cinco seis siete ocho nueve diez once doce": range(1, 13),
    "um dois três quatro cinco seis sete oito nove dez onze doze": range(1, 13),
    "uno due tre quattro cinque sei sette otto nove dieci undici dodici": range(1, 13),
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty": range(13, 21),
    "thirty forty fifty sixty seventy eighty ninety hundred": range(30, 101, 10),
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert": range(20, 101, 10),
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa cien": range(20, 101, 10),
}
# words that mean a number in one language and something everyday in another stay words
_EVERYDAY = {"once", "um", "un", "ein", "sei", "one"}
_WORDS = {w: n for words, numbers in _SMALL.items() for w, n in zip(words.split(), numbers, strict=True)}
_AFTER_UNITS = _WORDS | {"a": 1, "an": 1, "eine": 1, "einen": 1, "une": 1, "una": 1, "uma": 1}


def _either(words: "dict[str, Any]") -> str:
    """A pattern of words, the longest first; those of letters end where the word ends."""
    signs = sorted(words, key=lambda each: (-len(each), each))
    return "|".join(
        re.escape(each) + (r"(?!\w)" if each.isascii() and each.isalpha() else "") for each in signs
    )


_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?<!\.)")
_URL = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"']{2,500}")
_PHONE = re.compile(r"(?<![\w.,+])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]?\(?\d{2,5}\)?){1,6}(?![\w]|[.,]\d)")
_PERCENT = re.compile(
    rf"(?<![\w.,])({_AMOUNT})\s?(?:%|percent\b|per cent\b|prozent\b|por ciento\b|por cento\b|pour cent\b)",
    re.I,
)
_MONEY = re.compile(
    rf"(?P<before>{_either(_SYMBOLS)}|\b(?:{'|'.join(_CURRENCIES)})\b)\s?(?P<first>{_AMOUNT})"
    rf"|(?<![\w.,])(?P<second>{_AMOUNT})\s?(?P<after>{_either(_CURRENCY)})",
    re.IGNORECASE,
)  # fmt: skip
_PIECE = rf"(?:(?<![\w.,:])(?:\d{{1,6}}(?:[.,]\d{{1,3}})?)|\b(?:{_either(_AFTER_UNITS)}))[\s-]?(?:{_either(_UNIT)})(?!\w)"
_DURATION = re.compile(rf"{_PIECE}(?:,?\s(?:and\s|und\s|y\s|et\s|e\s|и\s)?{_PIECE})*", re.IGNORECASE)
_ONE_PIECE = re.compile(
    rf"(?P<count>\d+(?:[.,]\d+)?|{_either(_AFTER_UNITS)})[\s-]?(?P<unit>{_either(_UNIT)})", re.I
)
_NUMBER = re.compile(rf"(?<![\w.,])[-+]?(?:{_AMOUNT})(?![\w])")
_TENS = re.compile(
    rf"(?<!\w)(?P<first>{_either(_WORDS)})(?:[-\s](?P<second>{_either(_WORDS)}))?(?!\w)", re.IGNORECASE
)


def find(text: str) -> list[Found]:
    """Everything that one of the rules sees, overlaps included."""
    return [*_emails(text), *_urls(text), *_phones(text), *_durations(text), *_money(text), *_percentages(text), *_numbers(text)]  # fmt: skip


def number(written: str) -> Decimal | None:
    """What digits with points and commas mean: the last of two different marks is the decimal one."""
    plain = re.sub(r"[ '\u00a0\u202f]", "", written)
    marks = [sign for sign in plain if sign in ".,"]
    if len(set(marks)) == 2:
        plain = plain.replace(marks[0], "").replace(marks[-1], ".")
    elif len(marks) > 1 or (marks and re.fullmatch(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", plain)):
        plain = plain.replace(marks[0], "")
    else:
        plain = plain.replace(",", ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


def _made(entity: str, match: re.Match[str], value: Any, start: int = 0, end: int = 0) -> Found:
    start, end = start or match.start(), end or match.end()
    return Found(entity=entity, value=value, text=match.string[start:end], start=start, end=end)


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _emails(text: str) -> Iterator[Found]:
    return (_made("email", match, match[0].lower()) for match in _EMAIL.finditer(text))


def _urls(text: str) -> Iterator[Found]:
    for match in _URL.finditer(text):
        whole = match[0].rstrip(".,;:!?)]")
        yield _made(
            "url", match, whole if "://" in whole else f"https://{whole}", end=match.start() + len(whole)
        )


def _phones(text: str) -> Iterator[Found]:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        marked = match[0].startswith(("+", "00", "(", "0")) or bool(re.search(r"\d[ ./-]\d", match[0]))
        date = re.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", match[0])
        amount = re.fullmatch(r"\d{1,3}(?:[ .]\d{3})+", match[0])
        if 7 <= len(digits) <= 15 and marked and not date and not amount:
            country = "+" if match[0].startswith(("+", "00")) else ""
            yield _made("phone", match, country + (digits[2:] if match[0].startswith("00") else digits))


def _percentages(text: str) -> Iterator[Found]:
    for match in _PERCENT.finditer(text):
        value = number(match[1])
        if value is not None:
            yield _made("percentage", match, _plain(value))


def _money(text: str) -> Iterator[Found]:
    for match in _MONEY.finditer(text):
        value = number(match["first"] or match["second"])
        if value is not None:
            sign = match["before"] or match["after"]
            code = _CURRENCY.get(sign.lower(), sign.upper())
            yield _made("money", match, {"amount": str(value), "currency": code})


def _durations(text: str) -> Iterator[Found]:
    for match in _DURATION.finditer(text):
        total = Decimal(0)
        for piece in _ONE_PIECE.finditer(match[0]):
            count = _AFTER_UNITS.get(piece["count"].lower())
            amount = Decimal(count) if count is not None else number(piece["count"])
            total += (amount or Decimal(0)) * _UNIT[piece["unit"].lower()]
        yield _made("duration", match, _plain(total))


def _numbers(text: str) -> Iterator[Found]:
    for match in _NUMBER.finditer(text):
        value = number(match[0])
        if value is not None:
            yield _made("number", match, _plain(value))
    for match in _TENS.finditer(text):
        first, second = match["first"].lower(), (match["second"] or "").lower()
        tens, ones = _WORDS[first], _WORDS.get(second, 0)
        if first in _EVERYDAY and not second:
            continue
        if 20 <= tens < 100 and 0 < ones < 10:
            yield _made("number", match, tens + ones)
        else:
            yield _made("number", match, tens, end=match.end("first"))
