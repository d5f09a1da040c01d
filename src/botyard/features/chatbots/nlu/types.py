"""What goes into a training, and what a trained model says of a message."""

from typing import Any, Literal

from msgspec import Struct, field

from botyard.features.chatbots.content import Entity, OperatingPoint

Recipe = Literal["tfidf", "stacked", "fusion", "single"]
Source = Literal["learned", "lookup", "pattern", "rule"]

# Examples of these intents are not a topic of their own: they say what the chatbot is not for.
OUT_OF_SCOPE = frozenset({"out_of_scope", "outofscope", "oos", "nlu_fallback"})


class EntityMark(Struct, kw_only=True, omit_defaults=True):
    """Where in an example an entity stands; `value` is what it means where that is not its text."""

    start: int
    end: int
    entity: str
    value: str = ""
    role: str = ""


class Example(Struct, kw_only=True, omit_defaults=True):
    """One thing that people say, and what they mean by it."""

    text: str
    intent: str
    entities: list[EntityMark] = field(default_factory=list)
    language: str = ""


class Options(Struct, kw_only=True, omit_defaults=True):
    """How to train. `entities` brings values with synonyms and patterns; the same seed gives the same model."""

    operating_point: OperatingPoint = "balanced"
    languages: list[str] = field(default_factory=lambda: ["en"])
    entities: dict[str, Entity] = field(default_factory=dict)
    use_encoder: bool = True
    seed: int = 0


class Ranked(Struct, frozen=True):
    """An intent that a message may have: how sure that is, and how far it is ahead of the next one."""

    name: str
    confidence: float
    margin: float


class Found(Struct, frozen=True, kw_only=True):
    """Something named in a message, at `text[start:end]`; `value` is what it stands for, always JSON."""

    entity: str
    value: Any
    text: str
    start: int
    end: int
    confidence: float = 1.0
    source: Source = "rule"
    role: str = ""


class Understanding(Struct, frozen=True, kw_only=True):
    """What a model makes of a message: intents best first, entities in the order of the text."""

    text: str
    intents: list[Ranked]
    out_of_scope: bool
    entities: list[Found]
    plausible: bool = False  # out of scope at this point, and not at the most lenient one
