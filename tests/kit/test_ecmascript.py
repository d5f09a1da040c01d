"""JSON as JavaScript writes it: a table of vectors, and random documents through the document's own verifier."""

import hashlib
import hmac
import json
import math
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from botyard.kit.ecmascript import stringify

SECRET = "your_webhook_secret"
NODE = shutil.which("node")
DOCUMENTS = 2_000

VECTORS: list[tuple[Any, str]] = [
    (None, "null"),
    (True, "true"),
    ([], "[]"),
    ({}, "{}"),
    (0.0, "0"),
    (-0.0, "0"),
    (1.0, "1"),
    (-1.5, "-1.5"),
    (0.1, "0.1"),
    (1e16, "10000000000000000"),
    (1.5e16, "15000000000000000"),
    (1e20, "100000000000000000000"),
    (123456789012345680000.0, "123456789012345680000"),
    (1e21, "1e+21"),
    (1.5e300, "1.5e+300"),
    (1e-4, "0.0001"),
    (1e-5, "0.00001"),
    (1.5e-6, "0.0000015"),
    (1e-7, "1e-7"),
    (-1.25e-9, "-1.25e-9"),
    (5e-324, "5e-324"),
    (2**53, "9007199254740992"),
    (2**53 + 1, "9007199254740992"),
    (-(10**25), "-1e+25"),
    (10**400, "null"),
    (math.nan, "null"),
    (-math.inf, "null"),
    (Decimal("12.30"), '"12.30"'),
    ((1, "a"), '[1,"a"]'),
    ("é\u2028\u2029/\x7f😀", '"é\u2028\u2029/\x7f😀"'),
    ('\b\t\n\f\r"\\\x00\x1f', '"\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001f"'),
    ("\ud800", '"\\ud800"'),
    ("a\udfffb", '"a\\udfffb"'),
    ("\ud83d\ude00", '"😀"'),
    ({"b": 1, "10": 2, "2": 3, "a": 4}, '{"2":3,"10":2,"b":1,"a":4}'),
    (
        {"-1": 1, "01": 2, "4294967295": 3, "4294967294": 4, "1.5": 5, "0": 6, "٣": 7},
        '{"0":6,"4294967294":4,"-1":1,"01":2,"4294967295":3,"1.5":5,"٣":7}',
    ),
    ({"__proto__": {"1": 2, "0": 1}}, '{"__proto__":{"0":1,"1":2}}'),
    ({"\ud83d\ude00": 1, "x": 2, "😀": 3}, '{"😀":3,"x":2}'),
]


@pytest.mark.parametrize(
    ("value", "text"), VECTORS, ids=[text[:30].encode("ascii", "replace").decode() for _, text in VECTORS]
)
def test_a_value_is_written_as_javascript_writes_it(value: Any, text: str) -> None:
    assert stringify(value) == text


@pytest.mark.parametrize("value", [{1: 2}, {"a": {b"x": 1}}, object(), {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        stringify(value)


@pytest.mark.skipif(NODE is None, reason="Node.js is missing: install Debian's `nodejs`")
def test_random_documents_verify_with_the_function_of_the_document(note: Callable[[str], None]) -> None:
    plain = verify_in_node(DOCUMENTS, seed=20261122)
    note(f"{DOCUMENTS} random webhook bodies verified in Node; json.dumps would have failed for {plain}")
    assert plain > DOCUMENTS // 10  # the documents are nasty enough to tell the two apart


# --- the documents, and Node ------------------------------------------------------------------------

# The function stands as the document has it; both ways of taking the signature out are tried.
SCRIPT = r"""
const crypto = require('crypto');

function verifyWebhookSignature(payload, signature, secret) {
  const expectedSignature = crypto
    .createHmac('sha256', secret)
    .update(JSON.stringify(payload))
    .digest('hex');

  return crypto.timingSafeEqual(
    Buffer.from(`sha256=${expectedSignature}`),
    Buffer.from(signature)
  );
}

const wrong = [];
const [secret, ...bodies] = require('fs').readFileSync(0, 'utf8').trimEnd().split('\n');
bodies.forEach((body, place) => {
  const {signature, ...payload} = JSON.parse(body);
  const whole = JSON.parse(body);
  delete whole.signature;
  const three = {event: payload.event, timestamp: payload.timestamp, data: payload.data};
  const right = [payload, whole, three].every(one => verifyWebhookSignature(one, signature, secret));
  if (!right || JSON.stringify(JSON.parse(body)) !== body) wrong.push(place);
});
console.log(JSON.stringify({checked: bodies.length, wrong}));
"""


def verify_in_node(count: int, *, seed: int) -> int:
    """Let Node check so many random bodies; answers for how many Python's own writer would have been wrong."""
    chance = random.Random(seed)
    texts, differing = [], 0
    for number in range(count):
        body = {"event": "message.received", "timestamp": f"t{number}", "data": random_value(chance, 0)}
        text = stringify(body)
        differing += text != json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)
        texts.append(text)
    assert NODE is not None
    script = "\n".join([SECRET, *map(signed, texts)])
    done = subprocess.run(
        [NODE, "-e", SCRIPT], input=script.encode(), capture_output=True, timeout=120, check=True
    )
    assert json.loads(done.stdout) == {"checked": count, "wrong": []}
    return differing


def signed(text: str) -> str:
    """The body that a receiver gets."""
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f'{text[:-1]},"signature":"sha256={digest}"}}'


def random_value(chance: random.Random, depth: int) -> Any:
    """A JSON value with everything that writers disagree about."""
    if depth < 4 and chance.random() < 0.45:
        size = chance.randrange(6)
        if chance.random() < 0.5:
            return [random_value(chance, depth + 1) for _ in range(size)]
        return {random_key(chance): random_value(chance, depth + 1) for _ in range(size)}
    return chance.choice([random_text, random_float, random_integer, random_word])(chance)


def random_key(chance: random.Random) -> str:
    kind = chance.randrange(4)
    if kind == 0:
        return str(
            chance.choice([chance.randrange(20), chance.randrange(2**33), -1, "01", "1.5", "__proto__"])
        )
    return random_text(chance)


def random_text(chance: random.Random) -> str:
    ranges = [(0, 0x20), (0x20, 0x7F), (0x7F, 0x100), (0x2020, 0x2030), (0xD800, 0xE000), (0x1F600, 0x1F650)]
    return "".join(chr(chance.randrange(*chance.choice(ranges))) for _ in range(chance.randrange(8)))


def random_float(chance: random.Random) -> float:
    if chance.random() < 0.5:
        number: float = struct.unpack("<d", chance.randbytes(8))[0]
        return number
    return chance.uniform(-10, 10) * 10.0 ** chance.randrange(-12, 24)


def random_integer(chance: random.Random) -> int:
    return chance.randrange(-(10 ** chance.randrange(1, 30)), 10 ** chance.randrange(1, 30))


def random_word(chance: random.Random) -> Any:
    return chance.choice([None, True, False, "", 0, -0.0, Decimal("1.10"), math.nan])
