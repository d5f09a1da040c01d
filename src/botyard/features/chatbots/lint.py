"""What is wrong with examples before anything is trained on them: seconds of reading instead of a bad model.

Pure, and without any package: 10,000 examples take a fraction of a second.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from botyard.features.chatbots.examples import NewExample, digest_of

THIN = 5  # fewer examples than this teach an intent badly
LOPSIDED = 20  # times as many examples as the median intent
MAX_FINDINGS = 200  # of one kind; `counts` has the whole number
MAX_SHOWN = 10  # examples of one finding
_MAX_KIN = 50  # so many texts with one set of words are a template, and are told once
_WORD = re.compile(r"\w+")
_SCRIPTS = {
    "LATIN": "latin", "CYRILLIC": "cyrillic", "GREEK": "greek", "ARABIC": "arabic", "HEBREW": "hebrew", "CJK": "cjk",
    "HIRAGANA": "cjk", "KATAKANA": "cjk", "HANGUL": "hangul", "DEVANAGARI": "devanagari", "THAI": "thai",
}  # fmt: skip
_USUAL = {"ru": "cyrillic", "uk": "cyrillic", "bg": "cyrillic", "el": "greek", "ar": "arabic", "fa": "arabic"}
_USUAL |= {"he": "hebrew", "zh": "cjk", "ja": "cjk", "ko": "hangul", "hi": "devanagari", "th": "thai"}


class Finding(Struct, kw_only=True, omit_defaults=True):
    """One thing to look at: `examples` are places in the list that was given, `advice` says what to do."""

    kind: str  # conflict, duplicate, near_duplicate, thin, lopsided, single, language, mark
    intents: list[str]
    examples: list[int]
    text: str
    advice: str


class Lint(Struct, kw_only=True):
    """The whole report. `ready` is false while nothing can be trained."""

    ready: bool
    examples: int
    intents: dict[str, int]
    languages: dict[str, int]
    counts: dict[str, int]  # findings by kind
    findings: list[Finding]


def lint(examples: Sequence[NewExample], *, language: str = "en") -> Lint:
    """Look through the examples of a dataset whose own language is `language`."""
    sizes = Counter(example.intent for example in examples)
    findings = [
        *_same_texts(examples),
        *_kin(examples),
        *_sizes(examples, sizes),
        *_languages(examples, language),
        *_marks(examples),
    ]
    counts = Counter(finding.kind for finding in findings)
    return Lint(
        ready=len(sizes) > 1,
        examples=len(examples),
        intents=dict(sizes.most_common()),
        languages=dict(Counter(example.language or language for example in examples).most_common()),
        counts=dict(counts),
        findings=_bounded(findings),
    )


def _bounded(findings: Iterable[Finding]) -> list[Finding]:
    seen: Counter[str] = Counter()
    kept = []
    for finding in findings:
        seen[finding.kind] += 1
        if seen[finding.kind] <= MAX_FINDINGS:
            kept.append(finding)
    return kept


def _same_texts(examples: Sequence[NewExample]) -> Iterable[Finding]:
    """The same text in two intents is a conflict, twice in one a duplicate."""
    by_digest: dict[str, list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        by_digest[digest_of(example.text)].append(at)
    for places in by_digest.values():
        if len(places) < 2:
            continue
        by_intent = Counter(examples[at].intent for at in places)
        if len(by_intent) > 1:
            advice = "The same text means several intents: keep it in one, or make them one intent."
            yield _finding("conflict", examples, places, list(by_intent), advice)
        for intent, count in by_intent.items():
            if count > 1:
                own = [at for at in places if examples[at].intent == intent]
                yield _finding(
                    "duplicate", examples, own, [intent], "Keep one of them; the others teach nothing new."
                )


def _kin(examples: Sequence[NewExample]) -> Iterable[Finding]:
    """Texts of the same words, in whatever order and punctuation, that are not simply the same."""
    by_words: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for at, example in enumerate(examples):
        words = tuple(sorted(_WORD.findall(_folded(example.text))))
        if words:
            by_words[words].setdefault(f"{digest_of(example.text)} {example.intent}", at)
    for found in by_words.values():
        places = list(found.values())
        if len({key.split(" ", 1)[0] for key in found}) < 2 or len(places) > _MAX_KIN:
            continue
        intents = list(dict.fromkeys(examples[at].intent for at in places))
        if len(intents) > 1:
            advice = "Texts of the same words mean several intents: check which one each belongs to."
        else:
            advice = "They say the same in the same words; other words would teach more."
        yield _finding("near_duplicate", examples, places, intents, advice)


def _folded(text: str) -> str:
    """Without case and accents, so that `Café` and `cafe` are one word."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _sizes(examples: Sequence[NewExample], sizes: Counter[str]) -> Iterable[Finding]:
    if not sizes:
        return
    firsts: dict[str, int] = {}
    for at, example in enumerate(examples):
        firsts.setdefault(example.intent, at)
    if len(sizes) == 1:
        intent = next(iter(sizes))
        yield _finding(
            "single", examples, [firsts[intent]], [intent], "Add a second intent: there is nothing to choose."
        )
    median = sorted(sizes.values())[len(sizes) // 2]
    for intent, count in sorted(sizes.items(), key=lambda each: each[1]):
        place = [firsts[intent]]
        if count < THIN:
            advice = (
                f"It has {count} of the {THIN} examples that an intent needs at least; 10 to 20 are good."
            )
            yield _finding("thin", examples, place, [intent], advice)
        elif count > LOPSIDED * max(median, THIN):
            advice = (
                f"It has {count} examples where others have about {median}: it will be understood too often."
            )
            yield _finding("lopsided", examples, place, [intent], advice)


def _languages(examples: Sequence[NewExample], language: str) -> Iterable[Finding]:
    """Examples in another script than their language is written in."""
    strange: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, example in enumerate(examples):
        if example.text.isascii():
            continue
        said = example.language or language
        script = _script(example.text)
        if script and script != _USUAL.get(said.split("-")[0], "latin"):
            strange[said, script].append(at)
    for (said, script), places in strange.items():
        advice = f"They are written in {script} letters but their language is {said}: name their language."
        intents = list(dict.fromkeys(examples[at].intent for at in places))
        yield _finding("language", examples, places, intents[:MAX_SHOWN], advice)


def _script(text: str) -> str:
    """The script of most letters, or nothing where there are none, or none that is known."""
    found: Counter[str] = Counter()
    for sign in text[:200]:
        if sign.isalpha():
            name = unicodedata.name(sign, "").split(" ", 1)[0].split("-")[0]
            found[_SCRIPTS.get(name, "")] += 1
    return found.most_common(1)[0][0] if found else ""


def _marks(examples: Sequence[NewExample]) -> Iterable[Finding]:
    for at, example in enumerate(examples):
        ends = 0
        for mark in sorted(example.entities, key=lambda each: (each["start"], each["end"])):
            inside = example.text[mark["start"] : mark["end"]]
            if not 0 <= mark["start"] < mark["end"] <= len(example.text):
                advice = f"The mark of {mark['entity']} lies outside of the text; set it anew."
            elif inside != inside.strip():
                advice = f"The mark of {mark['entity']} holds blanks at its edge; mark the words only."
            elif mark["start"] < ends:
                advice = f"The mark of {mark['entity']} overlaps another; only the first is learned."
            else:
                ends = mark["end"]
                continue
            yield _finding("mark", examples, [at], [example.intent], advice)


def _finding(
    kind: str, examples: Sequence[NewExample], places: list[int], intents: list[str], advice: str
) -> Finding:
    return Finding(
        kind=kind,
        intents=intents,
        examples=places[:MAX_SHOWN],
        text=examples[places[0]].text[:200],
        advice=advice,
    )
