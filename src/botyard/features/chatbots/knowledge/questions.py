"""A table of questions and answers in CSV: each row is a section of its own, never cut apart."""

import csv
import io

from botyard.features.chatbots.knowledge.errors import DocumentUnreadable
from botyard.features.chatbots.knowledge.sections import Section

MAX_ANSWER = 4000
_QUESTION = {
    "question",
    "questions",
    "q",
    "frage",
    "pregunta",
    "pergunta",
    "domanda",
    "vraag",
    "prompt",
    "title",
}
_ANSWER = {"answer", "answers", "a", "antwort", "respuesta", "réponse", "reponse", "resposta", "risposta"} | {
    "antwoord",
    "response",
    "reply",
    "text",
}


def read(text: str) -> tuple[str, list[Section]]:
    """One section for each row. Raises DocumentUnreadable where a row has less than two columns."""
    rows = [row for row in _rows(text) if any(cell.strip() for cell in row)]
    if not rows:
        return "", []
    question, answer, headed = _columns(rows[0])
    sections = []
    for number, row in enumerate(rows[headed:], 1 + headed):
        if len(row) <= max(question, answer):
            raise DocumentUnreadable(
                f"Row {number} of the table has no answer: each row needs a question and an answer in its columns."
            )
        asked, said = " ".join(row[question].split()), row[answer].strip()
        if asked and said:
            sections.append(Section((asked[:500],), said[:MAX_ANSWER], whole=True))
    return "", sections


def _rows(text: str) -> list[list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False))
    except csv.Error as error:
        raise DocumentUnreadable(f"The table cannot be read: {error}.") from None


def _columns(first: list[str]) -> tuple[int, int, int]:
    """Which columns hold question and answer, and how many rows are headings."""
    names = [cell.strip().casefold() for cell in first]
    asked = next((at for at, name in enumerate(names) if name in _QUESTION), None)
    said = next((at for at, name in enumerate(names) if name in _ANSWER and at != asked), None)
    return (0, 1, 0) if asked is None or said is None else (asked, said, 1)
