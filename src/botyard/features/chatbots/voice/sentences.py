"""Texts cut into pieces to speak one after the other: sentences, and long ones at their commas.

The first piece can be heard while the next ones are made, and what is said often is kept by the sentence.
"""

import re
import unicodedata

MAX_PIECE = 300  # characters; an engine gets no longer text at once

# What ends a sentence: with a space behind it where scripts have spaces, at once where they have none.
_ENDS = ".!?…؟۔।॥՞።၊။؛"
_FULL = "。！？｡︒；"
_CLOSING = "\"'”’»)]}›」』）】》"
_ABBREVIATIONS = """
mr mrs ms dr prof sr jr st vs etc inc ltd dept approx fig vol tel e.g i.e a.m p.m u.s
nr bzw ca evtl ggf inkl usw z.b d.h u.a o.ä bspw
mme mlle p.ex c.-à-d env sra srta ud uds p.ej pág núm dra
sig sig.ra dott ecc p.es exmo exma pag dhr mevr bijv d.w.z
"""
_SHORT = frozenset(_ABBREVIATIONS.split())
_SENTENCE = re.compile(
    rf"[{re.escape(_FULL)}]+[{re.escape(_CLOSING)}]*|[{re.escape(_ENDS)}]+[{re.escape(_CLOSING)}]*(?=\s|$)|\n+"
)
_PAUSE = re.compile(r"(?<=[,;:،、，؛–—])\s+|(?<=[、，])|\s[–—-]\s")


def split(text: str) -> list[str]:
    """The pieces of a text in order, none longer than `MAX_PIECE`, none without a letter or digit."""
    pieces: list[str] = []
    for sentence in _sentences(clean(text)):
        pieces += _short_enough(sentence)
    return [piece for piece in pieces if any(sign.isalnum() for sign in piece)]


def clean(text: str) -> str:
    """The text without signs that nobody can say: control signs, and invisible ones."""
    kept = (
        sign if sign in "\n\u200d\u200c" or unicodedata.category(sign)[0] != "C" else " " for sign in text
    )
    return re.sub(r"[^\S\n]+", " ", "".join(kept)).strip()


def _sentences(text: str) -> list[str]:
    found, begin = [], 0
    for match in _SENTENCE.finditer(text):
        if match[0].startswith(".") and len(match[0]) == 1 and not _is_end(text, begin, match):
            continue
        found.append(text[begin : match.end()].strip())
        begin = match.end()
    found.append(text[begin:].strip())
    return [sentence for sentence in found if sentence]


def _is_end(text: str, begin: int, match: re.Match[str]) -> bool:
    """Whether a full stop ends the sentence: not behind an abbreviation, an initial or the number of a list or day."""
    before = text[begin : match.start()].rpartition(" ")[2].lstrip("(\"'„«“").lower()
    behind = text[match.end() :].lstrip()
    if not behind:
        return True
    if before in _SHORT or (len(before) == 1 and before.isalpha() and before != "i"):
        return False
    # "am 3. Mai", "1. Tea": a number of one or two digits goes on, unless it ended a longer sentence
    return not (before.isdigit() and len(before) <= 2 and behind[0].isalnum())


def _short_enough(sentence: str) -> list[str]:
    if len(sentence) <= MAX_PIECE:
        return [sentence]
    pieces, line = [], ""
    for part in (word for pause in _PAUSE.split(sentence) for word in _words(pause)):
        if line and len(line) + 1 + len(part) > MAX_PIECE:
            pieces.append(line)
            line = ""
        line = f"{line} {part}" if line else part
    return [*pieces, line] if line else pieces


def _words(pause: str) -> list[str]:
    """A part between two pauses as it is where it fits, else its words, and those cut where even they do not fit."""
    if len(pause) <= MAX_PIECE:
        return [pause] if pause else []
    return [
        word[start : start + MAX_PIECE] for word in pause.split() for start in range(0, len(word), MAX_PIECE)
    ]
