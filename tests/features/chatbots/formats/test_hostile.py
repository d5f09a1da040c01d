"""Files that mean harm, or are simply broken: each is refused with one sentence, and quickly."""

import gzip
import io
import json
import struct
import tarfile
import time
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botyard.features.chatbots import formats
from botyard.features.chatbots.formats import archive
from botyard.kit.errors import Invalid
from tests.features.chatbots.formats.files import zipped

LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 9)}]\n"
    for level in range(9)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} {{<<: [{', '.join(['*' + chr(97 + level)] * 9)}]}}\n"
    for level in range(9)
)


def lying_zip() -> bytes:
    """A zip whose head says that its file is small."""
    data = bytearray(zipped({"domain.yml": b"0" * (archive.MAX_FILE + 1)}))
    central = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, central + 24, 10)
    return bytes(data)


def encrypted_zip() -> bytes:
    data = bytearray(zipped({"domain.yml": "intents: [a]"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def tar_with(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def tar_of_names() -> bytes:
    """A small tgz in which a head says that a gigabyte of names follows."""
    head = tarfile.TarInfo("domain.yml")
    head.type, head.size = tarfile.XHDTYPE, 1 << 30
    return gzip.compress(head.tobuf(tarfile.GNU_FORMAT) + bytes(archive.MAX_UNPACKED + (24 << 20)), 1)


def zip_from_nowhere() -> bytes:
    """A zip whose only file begins before the zip."""
    data = bytearray(zipped({"domain.yml": "intents: [a]"}))
    struct.pack_into("<I", data, data.rindex(b"PK\x05\x06") + 16, 0xFFFF)
    return bytes(data)


def many_files() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zip_:
        for number in range(archive.MAX_FILES + 1):
            zip_.writestr(str(number), b"")
    return buffer.getvalue()


HOSTILE = {
    "nothing": (b" \n", "empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(50), "no text|no file"),
    "half a zip": (zipped({"domain.yml": "intents: [a]"})[:60], "damaged"),
    "a large file in a small zip": (zipped({"domain.yml": b"0" * (archive.MAX_FILE + 1)}), "MiB unpacked"),
    "many large files": (zipped({f"{n}.yml": b"0" * (30 << 20) for n in range(5)}), "MiB unpacked"),
    "a zip that lies": (lying_zip(), "damaged|MiB unpacked|no project"),
    "a tgz of zeros": (gzip.compress(bytes(archive.MAX_UNPACKED)), "holds neither|damaged"),
    "a tgz of names": (tar_of_names(), "MiB unpacked"),
    "a zip from nowhere": (zip_from_nowhere(), "damaged"),
    "a table of contents without a book": (b"PK\x03\x04" + b"PK\x01\x02" * 50_000, "more than 20,000 files"),
    "a locked zip": (encrypted_zip(), "encrypted"),
    "a path above": (zipped({"../../etc/domain.yml": "intents: [a]"}), "outside of itself"),
    "an absolute path": (zipped({"/etc/domain.yml": "intents: [a]"}), "outside of itself"),
    "a drive": (zipped({"C:\\domain.yml": "intents: [a]"}), "outside of itself"),
    "a tar path above": (tar_with("../x.yml"), "outside of itself"),
    "a billion laughs": (f"intents: [a]\n{LAUGHS}".encode(), "aliases"),
    "a billion merges": (f"intents: [a]\n{MERGES}".encode(), "aliases"),
    "an alias of itself": (b"intents: &a [*a]", "not complete"),
    "an object of Python": (b"intents: !!python/object/apply:os.system [id]", "no YAML"),
    "deep YAML": (b"intents: " + b"[" * 5000 + b"]" * 5000, "deeper"),
    "deep keys": (b"intents:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 200)), "deeper"),
    "broken YAML": (b"intents: [a\nnlu: {", "line"),
    "deep JSON": (b"[" * 100_000 + b"]" * 100_000, "deeper"),
    "rather deep JSON": (b'{"botyard": ' + b"[" * 100 + b"]" * 100 + b"}", "deeper"),
    "half JSON": (b'{"intents": [', "no JSON"),
    "other JSON": (b'{"a": 1}', "no export"),
    "a head of another version": (b'{"botyard": "botyard-dataset/9"}\n', "another version"),
    "one column": (b"just\nsome\nlines\n", "no file that can be imported"),
    "no Latin": (b"intents: [\xff\xfe\xfa]", "UTF-8"),
    "a sidecar of somebody else": (zipped({"domain.yml": "intents: [a]", "botyard.json": {"format": 1}}), "botyard.json"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_in_one_sentence(what: str) -> None:
    data, said = HOSTILE[what]

    begun = time.thread_time()
    with pytest.raises(Invalid, match=said) as refused:
        formats.read(data)

    assert time.thread_time() - begun < 5
    assert str(refused.value).endswith(".")
    assert len(str(refused.value)) < 400


def test_more_than_50_mib_are_not_even_looked_at() -> None:
    with pytest.raises(Invalid, match="at most 50 MiB"):
        formats.read(bytes(formats.MAX_INPUT + 1))


def test_more_files_than_any_agent_has_are_refused() -> None:
    with pytest.raises(Invalid, match="more than 20,000 files"):
        formats.read(many_files())


def test_one_bad_example_does_not_cost_the_others() -> None:
    lines = [
        {"text": "good", "intent": "a"},
        {"text": "x" * 3000, "intent": "a"},
        {"text": "a\x00", "intent": "a"},
        {"text": "far", "intent": "a", "entities": [{"start": 0, "end": 99, "entity": "e"}]},
        {"text": "odd", "intent": "a", "entities": [{"start": "0", "end": 1, "entity": "e"}]},
    ]

    read = formats.read("\n".join(map(json.dumps, lines)).encode())

    assert [example.text for example in read.examples] == ["good"]
    assert sum(note.kind == "not_mapped" for note in read.report) == 4


@settings(max_examples=150)
@given(
    st.sampled_from(["rasa", "dialogflow", "dialogflow_cx", "botpress", "csv", "jsonl", ""]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["nlu", "rules", "stories", "flows", "intents", "entities", "slots", "responses", "forms", "steps", "text",
                 "intent", "examples", "action", "next", "if", "then", "else", "collect", "name", "utterances", "en",
                 "slots", "condition", "mappings", "type", "qnas", "botyard", "rasa_nlu_data", "common_examples"]
            ),
            inner,
            max_size=4,
        ),
        max_leaves=12,
    ),
)  # fmt: skip
def test_values_in_the_wrong_places_are_refused_or_read_but_never_break(form: str, value: object) -> None:
    files = {
        "domain.yml": json.dumps(value),
        "data/x.yml": json.dumps({"flows": {"f": value}, "nlu": value, "rules": [value], "stories": [value]}),
        "agent.json": value,
        "intents/a.json": value,
        "intents/a_usersays_en.json": value,
        "entities/a_entries_en.json": value,
        "intents/b/b.json": value,
        "intents/b/trainingPhrases/en.json": value,
        "flows/f/f.json": value,
    }
    for data in (json.dumps(value).encode(), zipped(files)):
        with suppress(Invalid):
            assert formats.read(data, format=form).format
