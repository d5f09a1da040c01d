"""Which column of a table is what, by the names in its first line where there are such, else by what is in it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from botyard.kit.errors import Invalid

Row = Sequence[str]
# By how surely they name it: where a table has several of them, the first of this list counts.
_TEXTS = (
    *("text", "texts", "utterance", "utterances", "sentence", "sentences", "query", "queries"),
    *("question", "questions", "example", "examples", "phrase", "phrases", "message", "messages"),
    *("training phrase", "training phrases", "user says", "user message", "user input", "user text"),
    *("input", "prompt", "request", "sample", "expression", "content"),
    *("frage", "satz", "nachricht", "beispiel", "ausserung", "eingabe"),
    *("texte", "exemple", "pregunta", "frase", "texto", "ejemplo", "mensaje"),
    *("testo", "domanda", "esempio", "messaggio", "pergunta", "exemplo", "mensagem"),
    *("tekst", "vraag", "zin", "voorbeeld", "bericht"),
)
_INTENTS = (
    *("intent", "intents", "intent name", "intention", "label", "labels", "category", "categories"),
    *("class", "classes", "class name", "absicht", "kategorie", "klasse", "categorie", "classe"),
    *("etiquette", "intencion", "categoria", "clase", "etiqueta", "intento", "intenzione", "etichetta"),
    *("intencao", "intentie"),
)
# Intents may have these names as well: they count only beside a name of the text.
_ALSO_INTENTS = ("target", "tag", "tags", "topic", "topics", "group", "type", "thema", "sujet", "tema")
_OTHERS = {"language": ("language", "lang", "locale", "sprache"), "entities": ("entities",)}
_NAME = re.compile(r"[^\W\d_][\w ./()-]{0,39}")
_SAMPLE = 5000  # rows that are looked at
_FEW = 4  # other rows, or more, tell a head from an example


class Columns(Struct, frozen=True):
    """Where text, intent, language and entities stand, and whether the first row says so.

    `guessed`: it has names that nobody knows; it might also be an example.
    """

    at: dict[str, int]
    headed: bool = False
    guessed: bool = False


def find(rows: Sequence[Row]) -> Columns:
    """What the columns of a table are. Raises Invalid where there are less than two."""
    named = _named(rows[0])
    if "text" in named and "intent" in named:
        return Columns(named, headed=True)
    if len(rows[0]) < 2:
        raise Invalid("The table needs two columns: text and intent.")
    rest = [row for row in rows[1 : _SAMPLE + 1] if len(row) > 1]
    below = _by_variety(rest)
    if _could_be_names(rows[0]) and (
        _names_intents(rows[0], rest, below["intent"]) or _is_head(rows[0], rest, below)
    ):
        return Columns(below, headed=True, guessed=True)
    return Columns(_by_variety([rows[0], *rest]))


def _named(head: Row) -> dict[str, int]:
    names = [_plain(cell) for cell in head]
    found = {}
    for what, words in {"text": _TEXTS, "intent": (*_INTENTS, *_ALSO_INTENTS), **_OTHERS}.items():
        at = next((names.index(word) for word in words if word in names), None)
        if at is not None:
            found[what] = at
    return found


def _plain(cell: str) -> str:
    """A name without what differs from program to program: case, accents, marks, and what stands between words."""
    letters = unicodedata.normalize("NFKD", cell.casefold())
    kept = "".join(sign for sign in letters if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[\ufeff_\-]", " ", kept).split())


def _by_variety(rows: Sequence[Row]) -> dict[str, int]:
    """Without names: of the first two columns the one that repeats itself is the intent."""
    variety = [len({row[at] for row in rows}) for at in (0, 1)]
    text = 1 if variety[1] > variety[0] else 0
    return {"text": text, "intent": 1 - text}


def _could_be_names(first: Row) -> bool:
    return all(_NAME.fullmatch(cell.strip()) for cell in first[:2])


def _names_intents(first: Row, rest: Sequence[Row], column: int) -> bool:
    """Whether a row names that column as intents are named, and no other has an intent that is called so."""
    return _plain(first[column]) in _INTENTS and _differs(first, rest, column)


def _is_head(first: Row, rest: Sequence[Row], at: dict[str, int]) -> bool:
    """Whether a row is so unlike all others that it must be names: an example too many does less harm than one lost.

    Its intent is no other row's while the others share theirs, and it is written as names are and they are not.
    """
    if len(rest) < _FEW:
        return False
    if not all(_differs(first, rest, column) for column in (0, 1)):
        return False
    shared = Counter(_key(row[at["intent"]]) for row in rest)
    alone = sum(count == 1 for count in shared.values())
    if alone * 10 > len(rest):
        return False
    words = len(first[at["text"]].split())
    as_short = sum(len(row[at["text"]].split()) <= words for row in rest)
    if words <= 3 and as_short * 10 <= len(rest):
        return True
    capital = [row[at["intent"]].strip()[:1].isupper() for row in (first, *rest)]
    return words <= 3 and capital[0] and not any(capital[1:])


def _differs(first: Row, rest: Sequence[Row], column: int) -> bool:
    mine = _key(first[column])
    return all(_key(row[column]) != mine for row in rest)


def _key(cell: str) -> str:
    return cell.strip().casefold()
