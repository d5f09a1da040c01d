"""Dialogflow, Botpress, tables and lines of JSON: what maps, and what is said of the rest."""

import json

import pytest

from botyard.features.chatbots import formats
from botyard.features.chatbots.content import Ask, Content, Entity, Intent, Reply, Slot
from botyard.features.chatbots.examples import NewExample
from botyard.features.chatbots.formats import Imported, Project
from botyard.kit.errors import Invalid
from tests.features.chatbots.formats.files import BOTPRESS, DIALOGFLOW, DIALOGFLOW_CX, zipped


def content_of(imported: Imported) -> Content:
    assert imported.content is not None
    return imported.content


def notes(imported: Imported, kind: str) -> str:
    return "\n".join(f"{note.what}: {note.why}" for note in imported.report if note.kind == kind)


def test_an_agent_of_dialogflow_es_keeps_phrases_entities_and_answers() -> None:
    agent = formats.read(zipped(DIALOGFLOW))

    assert (agent.format, agent.name, agent.language) == ("dialogflow", "Tea", "en")
    assert {(example.text, example.language) for example in agent.examples} == {
        ("bring me sencha", ""),
        ("for  two", ""),
        ("einen Tee", "de"),
    }
    marks = {mark["entity"]: mark for example in agent.examples for mark in example.entities}
    assert marks["drink"] == {"start": 9, "end": 15, "entity": "drink"}
    assert marks["number"] == {"start": 5, "end": 8, "entity": "number", "role": "guests"}
    content = content_of(agent)
    assert content.entities["drink"].values == {"green tea": ["sencha"]}
    assert content.slots == {"drink": Slot(entity="drink")}
    assert content.responses["answer order"] == [
        Reply(text="Coming."),
        Reply(text="At once."),
        Reply(text="Kommt.", language="de"),
    ]
    assert content.responses[content.settings.fallback] == [Reply(text="Pardon?")]
    assert "fulfilment of intent order" in notes(agent, "not_mapped")
    partly = notes(agent, "partly")
    assert all(word in partly for word in ("contexts", "drink of order", "Cards and payloads"))


def test_an_agent_of_dialogflow_cx_maps_as_far_as_it_goes() -> None:
    agent = formats.read(zipped(DIALOGFLOW_CX))

    assert agent.format == "dialogflow_cx"
    mark = {"start": 6, "end": 12, "entity": "drink", "role": "what"}
    assert agent.examples == [NewExample(text="bring sencha", intent="order", entities=[mark])]
    assert agent.responses == {"order": "Coming."}
    content = content_of(agent)
    assert content.responses[content.settings.fallback] == [Reply(text="Pardon?")]
    assert isinstance(content.flows[0].steps[0], Ask)
    assert content.slots["guests"] == Slot(type="number", entity="number")
    assert "route of Start" in notes(agent, "not_mapped")
    assert "webhooks brew" in notes(agent, "not_mapped")


def test_an_export_of_botpress_keeps_utterances_entities_and_questions() -> None:
    bot = formats.read(json.dumps(BOTPRESS).encode())

    assert (bot.format, bot.language) == ("botpress", "en")
    mark = {"start": 6, "end": 12, "entity": "drink", "role": "what"}
    assert bot.examples == [
        NewExample(text="bring sencha", intent="order", entities=[mark]),
        NewExample(text="tea", intent="order"),
        NewExample(text="un thé", intent="order", language="fr"),
        NewExample(text="When do you open?", intent="faq/when_do_you_open"),
    ]
    content = content_of(bot)
    assert content.entities["drink"] == Entity(values={"green": ["sencha"]}, roles=["what"])
    assert content.entities["code"] == Entity(patterns=["[A-Z]{3}"])
    assert bot.responses == {"faq/when_do_you_open": "At nine."}
    assert "context" in notes(bot, "partly")


def test_a_whole_bot_of_botpress_is_told_from_other_archives() -> None:
    intent = BOTPRESS["intents"][0]
    files = {"bot.config.json": {}, "intents/order.json": intent, "flows/main.flow.json": {}}

    bot = formats.read(zipped(files))

    assert (bot.format, len(bot.examples)) == ("botpress", 3)
    assert "main.flow.json" in notes(bot, "not_mapped")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("text,intent\nhi,greet\nbye,leave\n", [("hi", "greet"), ("bye", "leave")]),
        ("Label;Utterance\ngreet;hi, you\n", [("hi, you", "greet")]),
        ('\ufeffquery\tcategory\n"a ""quoted""\nline"\tx\n', [('a "quoted"\nline', "x")]),
        ("hi,greet\nhello,greet\nhey,greet\n", [("hi", "greet"), ("hello", "greet"), ("hey", "greet")]),
        ("greet|hi\ngreet|hello\n", [("hi", "greet"), ("hello", "greet")]),
    ],
    ids=["plain", "semicolons and other names", "tabs, a mark and quotes", "no head", "no head, turned"],
)
def test_tables_are_read_whatever_program_wrote_them(data: str, expected: list[tuple[str, str]]) -> None:
    read = formats.read(data.encode())

    assert (read.format, [(each.text, each.intent) for each in read.examples]) == ("csv", expected)


@pytest.mark.parametrize(
    "head",
    [
        *(
            "text,intent",
            "Utterance,Label",
            "QUERY,category",
            " Question , Class ",
            "phrase,Tag",
            "sentence,Topic",
        ),
        *("example,intent_name", "Message,Intent Name", "training-phrase,labels", '"text","intent"'),
        *(
            "Frage,Kategorie",
            "\u00c4u\u00dferung,Absicht",
            "pregunta,intenci\u00f3n",
            "phrase,\u00c9tiquette",
        ),
        *("\ufeff\ufefftext,intent", "sep=,\r\ntext,intent", "sep=,\ntext,intent"),
    ],
)
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_names_of_columns_are_no_example_however_they_are_written(head: str, sign: str) -> None:
    read = formats.read((head + "\nhow much?,price\nand me?,who\n").replace(",", sign).encode())

    assert [(each.text, each.intent) for each in read.examples] == [
        ("how much?", "price"),
        ("and me?", "who"),
    ]
    assert (read.first_line, notes(read, "partly")) == (None, "")


ROWS = "what does it cost,price\nhow much is it,price\nwhere are you now,place\nhow do I find you,place\n"


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("Kundentext,Absicht", ROWS),
        ("customer said,class", "hi,greet\nbye,leave\n"),
        ("wording,bucket", ROWS),
        ("Wording,Bucket", "cost,price\nmuch,price\nwhere,place\nfind,place\n"),
        ("said;meant", ROWS.replace(",", ";")),
    ],
    ids=["one known name", "one known name of few rows", "short among long", "capitals", "semicolons"],
)
def test_a_first_line_that_looks_like_names_is_left_out_and_said(head: str, rows: str) -> None:
    read = formats.read(f"{head}\n{rows}".encode())

    first = read.first_line
    assert first is not None
    assert [first.text, first.intent] == head.replace(";", ",").split(",")
    assert len(read.examples) == rows.count("\n")
    assert "first line " + head.replace(";", ",").replace(",", ", ") in notes(read, "partly")


@pytest.mark.parametrize(
    "data",
    [
        "hello,greet\n" + ROWS + "good morning to you,greet\n",
        "is it far from the station,distance\n" + ROWS,
        "menu,show_menu\nhi,greet\nhello,greet\nbye,leave\nciao,leave\n",
        "menu,show_menu\nwhere are you,place\nhow much is it,price\nwho are you all,person\nwhen is that,time\n",
        "Prices,price\n" + ROWS,
        "price?,cost\n" + ROWS,
        "question,ask\nmessage,send\n",
        "type,topic_type\nhi,greet\nhello,greet\nbye,leave\nciao,leave\n",
        "topic,greet\nhi,greet\nhello,greet\nbye,leave\nciao,leave\n",
        "one,a\n",
    ],
    ids=[
        *("its intent comes again", "a sentence", "as short as the others", "intents of one example each"),
        *("its intent comes again, large", "a question", "words that name columns", "an intent called type"),
        *("a text called topic", "a single row"),
    ],
)
def test_a_table_without_names_arrives_whole(data: str) -> None:
    read = formats.read(data.encode(), format="csv")

    assert [(each.text, each.intent) for each in read.examples] == [
        tuple(line.split(",")) for line in data.splitlines()
    ]
    assert read.first_line is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_tables_are_read_in_whatever_encoding(encoding: str) -> None:
    read = formats.read("text,intent\nein Müsli für 3 €,bestellen\n".encode(encoding), "data.csv")

    assert [each.text for each in read.examples] == ["ein Müsli für 3 €"]
    assert ("encoding cp1252" in notes(read, "partly")) == (encoding == "cp1252")


def test_a_table_for_spreadsheets_holds_no_formula() -> None:
    project = Project(
        examples=[NewExample(text="=HYPERLINK(1)", intent="+a"), NewExample(text="'=1", intent="b")]
    )

    file = formats.write("csv", project)

    assert b"'=HYPERLINK(1),'+a" in file.data
    assert formats.read(file.data).examples == project.examples


def test_lines_of_json_by_others_are_read_and_odd_lines_named() -> None:
    data = (
        b'{"text": "hi", "label": "greet", "id": 7}\n\n{"utterance": "bye", "intent": 3}\n{"text": "lost"}\n'
    )

    read = formats.read(data)

    assert [(each.text, each.intent) for each in read.examples] == [("hi", "greet"), ("bye", "3")]
    assert "line 4" in notes(read, "not_mapped")
    assert "field id" in notes(read, "not_mapped")


def test_a_list_of_json_objects_is_read_like_its_lines() -> None:
    read = formats.read(b'[{"text": "hi", "intent": "greet"}]')

    assert (read.format, read.examples) == ("jsonl", [NewExample(text="hi", intent="greet")])


def test_a_table_says_what_it_leaves_out() -> None:
    file = formats.write("csv", Project(content=Content(intents={"a": Intent()})))

    assert [note.kind for note in file.report] == ["not_mapped"]


def test_an_unknown_format_names_those_that_are_known() -> None:
    with pytest.raises(Invalid, match="Exports know rasa, csv, jsonl"):
        formats.write("xml", Project())
    with pytest.raises(Invalid, match="Imports know rasa, dialogflow"):
        formats.read(b"x", format="xml")


@pytest.mark.parametrize(
    ("filename", "text", "said"),
    [
        ("nlu.yml", "hello, my friend\n  - broken: indent, oops\nbye, see you\n", "nlu.yml is no YAML"),
        ("Domain.YAML", 'version: "3.1\nintents: [greet, bye]\n', "Domain.YAML is no YAML"),
        ("other.yml", "hello: there, you\n", "no project of Rasa"),
        ("examples.json", "hello, greet\nbye, leave\n", "no JSON"),
        ("readme.md", "# Hello, world\nThis is, a text\n", "no file that can be imported"),
        ("letter.pdf", "%PDF-1.4 foo, bar\nhello, world\n", "no file that can be imported"),
    ],
)
def test_a_file_of_another_kind_is_never_taken_for_a_table(filename: str, text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        formats.read(text.encode(), filename)


@pytest.mark.parametrize("filename", ["a.csv", "a.TSV", "a.txt", "a", ""])
def test_a_table_comes_from_a_file_for_tables_or_one_that_says_nothing(filename: str) -> None:
    assert formats.detect(b"hello,greet\nbye,leave\n", filename) == "csv"
