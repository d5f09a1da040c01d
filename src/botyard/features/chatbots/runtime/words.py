"""Comparing what people type: without case, accents of writing or punctuation; and the words for yes, no and the like."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"\w+", re.UNICODE)
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts without spaces

_YES = frozenset(
    {
    "yes", "y", "yeah", "yep", "yup", "sure", "ok", "okay", "right", "correct", "exactly", "definitely",
    "absolutely", "affirmative", "ja", "jawohl", "klar", "gerne", "genau", "stimmt", "richtig", "oui",
    "ouais", "exact", "si", "sí", "claro", "vale", "correcto", "exacto", "certo", "sim", "isso", "tak",
    "да", "ano", "evet", "hai", "はい", "是", "是的", "对", "好", "好的", "네", "예", "نعم", "हाँ",
    }
) | {"of course", "that is right", "that s right", "bien sûr", "d accord", "go ahead", "por supuesto"}  # fmt: skip
_NO = frozenset(
    {
    "no", "n", "nope", "nah", "never", "wrong", "incorrect", "negative", "nein", "nö", "falsch", "non",
    "faux", "nunca", "não", "nao", "nee", "fout", "nie", "нет", "ne", "hayır", "いいえ", "不", "不是", "不对",
    "아니요", "아니", "لا", "नहीं",
    }
) | {"not really", "no way", "auf keinen fall", "pas du tout", "de ninguna manera"}  # fmt: skip
_YES_SIGNS, _NO_SIGNS = ("👍", "✅", "✔"), ("👎", "❌", "✖")
_SKIP = frozenset(
    {"skip", "skip it", "skip this", "next", "none", "nothing", "überspringen", "weiter", "keine", "passer",
     "suivant", "rien", "saltar", "omitir", "ninguno", "salta", "pular", "nenhum", "overslaan", "geen"}
)  # fmt: skip
_CANCEL = frozenset(
    {"cancel", "stop", "quit", "exit", "abort", "never mind", "nevermind", "forget it", "leave it",
     "abbrechen", "abbruch", "stopp", "vergiss es", "egal", "lass es", "annuler", "arrête", "laisse tomber",
     "cancelar", "para", "olvídalo", "déjalo", "annulla", "lascia stare", "esquece", "deixa", "annuleren",
     "laat maar", "отмена", "取消", "キャンセル"}
)  # fmt: skip
_RESTART = frozenset(
    {"restart", "start over", "start again", "begin again", "von vorne", "neu starten", "neustart",
     "recommencer", "empezar de nuevo", "reiniciar", "ricominciare", "recomeçar", "opnieuw beginnen"}
)  # fmt: skip
_CORRECTION = re.compile(
    r"\b(?:i mean(?:t)?|i said|make (?:it|that)|change (?:it|that) to|correction"
    r"|ich mein(?:t)?e|ändere? (?:es|das) (?:auf|in)|je voulais dire|qui(?:se|ero) decir|quería decir"
    r"|volevo dire|quis dizer|ik bedoel(?:de)?)\b[\s,:]*",
    re.IGNORECASE,
)
_SECOND_THOUGHT = re.compile(
    r"\b(?:actually|sorry|instead|rather|eigentlich|sondern|doch|en fait|plutôt|en realidad|mejor|anzi"
    r"|na verdade|eigenlijk)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 4


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The words of a text with single spaces between them, in one case."""
    return " ".join(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def says(spoken: str, words: str) -> bool:
    """Whether plain `words` occur in the plain text as whole words; in scripts without spaces, at all."""
    if not words:
        return False
    if _UNSPACED.search(words):
        return words in spoken
    return f" {words} " in f" {spoken} "


def decision(text: str) -> bool | None:
    """Yes, no, or neither for certain; in whichever language."""
    signs = [
        answer for answer, found in ((True, _YES_SIGNS), (False, _NO_SIGNS)) if any(s in text for s in found)
    ]
    spoken = plain(text)
    if signs and not spoken:
        return signs[0] if len(signs) == 1 else None
    for answer, words in ((True, _YES), (False, _NO)):
        if spoken in words:
            return answer
    listed = spoken.split()
    if not listed or len(listed) > _FEW_WORDS:
        return None
    found = {word in _YES for word in listed if word in _YES or word in _NO}
    return found.pop() if len(found) == 1 and (listed[0] in _YES or listed[0] in _NO) else None


def skips(text: str) -> bool:
    """Whether the whole message leaves a question unanswered."""
    return plain(text) in _SKIP


def cancels(text: str) -> bool:
    """Whether the whole message wants out of what is going on."""
    return plain(text) in _CANCEL


def restarts(text: str) -> bool:
    """Whether the whole message wants to begin anew."""
    return plain(text) in _RESTART


def corrects(text: str) -> bool:
    """Whether the words hint that something said before is taken back."""
    return bool(_CORRECTION.search(text) or _SECOND_THOUGHT.search(text))


def corrected(text: str) -> str | None:
    """What follows words such as "I meant"; None where nothing follows, or nothing is corrected."""
    found = list(_CORRECTION.finditer(text))
    return (text[found[-1].end() :].strip(" .!,;:") or None) if found else None
