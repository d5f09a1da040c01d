"""Words as full text compares them: the same on both stores, whatever language they are in.

Case, diacritics and the commonest endings do not matter. Scripts that write no blanks between words are cut into
overlapping pairs of characters.
"""

import re
import unicodedata

MAX_TERM = 64
# Marks of vowels belong to the letter before them in the scripts of India and South-East Asia.
_WORD = re.compile(
    r"[^\W_](?:[^\W_]|[\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0dff\u0e00-\u109f\u1780-\u17ff])*"
)
_MARKS = re.compile("[\u0300-\u036f]")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f]+"
)
_LATIN = re.compile("[a-z]+")

# Words that a question is asked with and that say nothing about what it asks for.
_ASKING = """
a an and any are as at be been but by can could did do does for from get give had has have hello help hey hi how i
if in into is it its just know let like me my need of on or our please say she should so some tell than that the
their them then there these they this to us want was we were what when where which who why will with would you your
about also long many much not now something take tall very
der die das den dem des ein eine einen einem einer und oder ist sind war wie was wann wo wer warum welche welcher
ich du er sie es wir ihr mein meine dein kann koennen konnen muss mit von zu zum zur im in auf fuer fur bei nicht bitte
le la les un une des du de et ou est sont comment que quoi quand qui pourquoi quel quelle je tu il elle nous vous
mon ma mes votre vos pour par avec dans sur au aux puis peut
el los las unos unas y o es son como donde quien por para mi mis tu su se con en al del puedo puede cuando
os as um uma e ou sao meu minha seu sua posso pode com em no na do da
lo gli i uno ed sono come che quando dove chi perche mio mia con di da per nel della posso
het een en of is zijn hoe wat wanneer waar wie waarom mijn ik je kan met van te op voor
""".split()  # noqa: SIM905


def normalize(text: str) -> str:
    """Without case and diacritics."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFKC", bare)


def terms(text: str) -> list[str]:
    """The terms of a text in order, repeated as often as they occur."""
    found: list[str] = []
    for word in _WORD.findall(normalize(text)):
        if _UNSPACED.search(word):
            found += _pairs(word)
        else:
            found.append(stem(word)[:MAX_TERM])
    return found


def asked(question: str) -> list[str]:
    """The terms of a question that say what it is about, each once; all of them where none does."""
    every = list(dict.fromkeys(terms(question)))
    return [term for term in every if term not in ASKING] or every


def stem(word: str) -> str:
    """The word without the endings that English, and in part other languages, puts behind it."""
    if len(word) < 4 or not _LATIN.fullmatch(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return _single(word.removesuffix(ending))
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _single(word: str) -> str:
    """Without the letter that English doubles before an ending, and the `e` that it drops there."""
    if word[-1] == word[-2] and word[-1] not in "aeiou":
        return word[:-1]
    return word[:-1] if word.endswith("e") else word


def _pairs(word: str) -> list[str]:
    found = []
    for run in re.split(f"({_UNSPACED.pattern})", word):
        if _UNSPACED.fullmatch(run) and len(run) > 1:
            found += [run[at : at + 2] for at in range(len(run) - 1)]
        elif run:
            found.append(stem(run)[:MAX_TERM])
    return found


ASKING = frozenset(term for word in _ASKING for term in (word, *terms(word)))
