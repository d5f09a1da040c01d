"""How well and how fast chatbots learn public sets of intents, beside a plain scikit-learn pipeline, in one run.

    python -m bench.intents [--data folder] [--draws 3] [--quick]

Needs a folder with `NAME_train.csv` and `NAME_test.csv`, plain or as .gz, with the columns `text` and `category`: any
number of sets. The default is `shared/data/intents` beside the checkout, with BANKING77; without any, nothing is
measured. Texts of a test set in the category `out_of_scope` are about nothing that was learned: they count for what is
refused, not for accuracy. Printed are, for each way to learn: accuracy on the test set, seconds of the wall clock and of
the processor, and the time of one message. Encoders are loaded before; the last rows are whole trainings in a process of
their own, as the server runs them. Nothing is tuned on the test set: recipes and thresholds come from the training set
alone.
"""

import argparse
import asyncio
import csv
import gzip
import os
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botyard.features.chatbots.nlu import encoders
from botyard.features.chatbots.nlu.encoders import Encoder
from botyard.features.chatbots.nlu.model import Model
from botyard.features.chatbots.nlu.process import train_apart
from botyard.features.chatbots.nlu.train import train
from botyard.features.chatbots.nlu.types import OUT_OF_SCOPE, Example, Options

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "intents"
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
PER_INTENT = 10
SMALL_INTENTS, SMALL_EXAMPLES = 20, 15
MESSAGES = 500
LARGE = 5000  # examples: left out with --quick

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Line:
    """One way to learn."""

    name: str
    accuracy: float
    wall_s: float
    cpu_s: float
    message_ms: float = float("nan")
    note: str = ""


def read(path: Path) -> Rows:
    """The texts of a file and what they mean."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def sets(folder: Path) -> Iterator[tuple[str, Rows, Rows]]:
    """Name, training and test of every set in a folder."""
    for path in sorted([*folder.glob("*_train.csv"), *folder.glob("*_train.csv.gz")]):
        test = path.with_name(path.name.replace("_train.csv", "_test.csv"))
        if test.is_file():
            yield path.name.partition("_train.csv")[0], read(path), read(test)


def by_intent(rows: Rows) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text, intent in rows:
        found[intent].append(text)
    return found


def draw(rows: Rows, count: int, seed: int) -> Rows:
    """So many examples of each intent."""
    chance = random.Random(seed)
    return [(text, intent) for intent, texts in sorted(by_intent(rows).items()) for text in chance.sample(texts, count)]  # fmt: skip


def timed(name: str, learn: Callable[[], Callable[[str], str]], test: Rows, note: Callable[[], str]) -> Line:
    """Learn, then ask for every test text; the time of one message is a median."""
    wall, cpu = time.perf_counter(), time.process_time()
    ask = learn()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    test = [row for row in test if row[1] not in OUT_OF_SCOPE]
    right = sum(ask(text) == intent for text, intent in test)
    times = []
    for text, _ in test[:MESSAGES]:
        began = time.perf_counter()
        ask(text)
        times.append(time.perf_counter() - began)
    return Line(name, right / len(test), wall, cpu, statistics.median(times) * 1e3, note())


def ours(name: str, rows: Rows, test: Rows, encoder: Encoder | None) -> Line:
    said: list[str] = []

    def learn() -> Callable[[str], str]:
        trained = train(
            [Example(text=text, intent=intent) for text, intent in rows], Options(), encoder=encoder
        )
        said.append(f"{trained.report.recipe}, says of itself {trained.report.accuracy or 0:.1%}")
        model = Model.from_bytes(trained.model.to_bytes(), {encoder.name: encoder} if encoder else {})
        said.append(refusals(model, test))
        return lambda text: model.understand(text, now=NOW).intents[0].name

    return timed(name, learn, test, lambda: "; ".join(filter(None, said)))


def refusals(model: Model, test: Rows) -> str:
    """What becomes of texts about nothing that was learned, and of the others, at the balanced point."""
    if not any(intent in OUT_OF_SCOPE for _, intent in test):
        return ""
    heard = [(intent, model.understand(text, now=NOW)) for text, intent in test]
    strange = [said.out_of_scope for intent, said in heard if intent in OUT_OF_SCOPE]
    known = [not said.out_of_scope and said.intents[0].name == intent for intent, said in heard if intent not in OUT_OF_SCOPE]  # fmt: skip
    kept, refused = statistics.fmean(known), statistics.fmean(strange)
    return f"answers {kept:.1%} rightly and refuses {refused:.1%} of {len(strange)} strange texts"


def peer(rows: Rows, test: Rows) -> Line:
    """What one writes first with scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    def learn() -> Callable[[str], str]:
        pipeline = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(random_state=0)
        )
        pipeline.fit([text for text, _ in rows], [intent for _, intent in rows])
        return lambda text: str(pipeline.predict([text])[0])

    return timed("scikit-learn pipeline", learn, test, lambda: "intents only: no confidences, no report")


def mean(lines: Sequence[Line]) -> Line:
    """Of several draws."""
    middle = statistics.fmean
    return Line(
        lines[0].name, middle(line.accuracy for line in lines), middle(line.wall_s for line in lines),
        middle(line.cpu_s for line in lines), middle(line.message_ms for line in lines), lines[0].note,
    )  # fmt: skip


def apart(name: str, rows: Rows, *, use_encoder: bool) -> Line:
    """A whole training as the server runs it: start of the process, imports and loading of the encoder included."""
    before, wall = os.times(), time.perf_counter()
    examples = [Example(text=text, intent=intent) for text, intent in rows]
    made = asyncio.run(train_apart(examples, Options(use_encoder=use_encoder)))
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Line(name, made.report["accuracy"], time.perf_counter() - wall, cpu, note=f"held out; {made.report['seconds']:.2f} s of it training")  # fmt: skip


def show(title: str, lines: Sequence[Line]) -> None:
    print(f"\n{title}")
    print(f"  {'':34}{'accuracy':>9}{'wall s':>9}{'cpu s':>9}{'ms each':>9}")
    for line in lines:
        each = "" if line.message_ms != line.message_ms else f"{line.message_ms:.2f}"
        print(
            f"  {line.name:34}{line.accuracy:>9.2%}{line.wall_s:>9.2f}{line.cpu_s:>9.2f}{each:>9}  {line.note}"
        )


def compared(title: str, draws: Sequence[Rows], test: Rows, ways: Sequence[Encoder | None]) -> None:
    """Every way to learn, beside the peer; of several draws the mean."""
    lines = [mean([peer(rows, test) for rows in draws])]
    for encoder in ways:
        name = encoder.name if encoder else "words alone"
        lines.append(mean([ours(name, rows, test, encoder) for rows in draws]))
    show(title, lines)


def one_set(name: str, rows: Rows, test: Rows, ways: Sequence[Encoder | None], options: argparse.Namespace) -> None:  # fmt: skip
    """All of its training set, and where that is large a few examples of each intent."""
    tested = f"{sum(intent not in OUT_OF_SCOPE for _, intent in test):,} texts to test"
    if not (options.quick and len(rows) > LARGE):
        compared(f"{name}, {len(rows):,} examples of {len(by_intent(rows))} intents, {tested}", [rows], test, ways)  # fmt: skip
    if min(len(texts) for texts in by_intent(rows).values()) >= 2 * PER_INTENT:
        draws = [draw(rows, PER_INTENT, seed) for seed in range(options.draws)]
        compared(f"{name}, {PER_INTENT} examples of each intent, mean of {options.draws} draws, {tested}", draws, test, ways)  # fmt: skip


def small_one(rows: Rows, test: Rows, ways: Sequence[Encoder | None], *, quick: bool) -> None:
    """A chatbot as most are, also learned by a process as the server does it."""
    names = sorted(by_intent(rows))[:SMALL_INTENTS]
    small = draw([row for row in rows if row[1] in names], SMALL_EXAMPLES, 0)
    known = [row for row in test if row[1] in names]
    lines = [
        peer(small, known),
        *(ours(encoder.name if encoder else "words alone", small, known, encoder) for encoder in ways),
        apart("words alone, process", small, use_encoder=False),
        apart("with encoder, process", small, use_encoder=True),
    ]
    if not quick:
        lines.append(apart("the whole set, process", rows, use_encoder=True))
    show(f"{SMALL_INTENTS} intents of {SMALL_EXAMPLES} examples", lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without large training sets")
    options = parser.parse_args()
    ways: list[Encoder | None] = [None, *encoders.installed().values()]
    for encoder in ways:
        if encoder is not None:
            encoder.encode(["."])
    found = list(sets(options.data))
    if not found:
        print(f"There is no set of intents in {options.data}; nothing was measured.")
    for name, rows, test in found:
        one_set(name, rows, test, ways, options)
    for _, rows, test in found:
        if min(len(texts) for texts in by_intent(rows).values()) >= SMALL_EXAMPLES:
            small_one(rows, test, ways, quick=options.quick)
            break
    return 0


if __name__ == "__main__":
    if (
        "OPENBLAS_NUM_THREADS" not in os.environ
    ):  # the worker has it too, and numpy reads it only when it is loaded
        one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        os.execve(sys.executable, [sys.executable, "-m", "bench.intents", *sys.argv[1:]], os.environ | one)
    sys.exit(main())
