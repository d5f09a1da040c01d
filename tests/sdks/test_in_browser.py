"""The file for browsers does its work in one."""

import json
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.sdks.fake_server import Asked, FakeServer, Given, ok

FILE = Path(__file__).resolve().parents[2] / "sdks" / "js" / "browser.mjs"
FINAL = {"message": {"id": "m1"}, "reply": {"id": "m2"}}
STREAM = ['event: token\ndata: {"text":"Grüß"}\n\n', f"event: message\ndata: {json.dumps(FINAL)}\n\n"]
PROGRAM = """async () => {
  const { default: ChatbotsSDK, webhooks } = await import('/browser.mjs');
  const client = new ChatbotsSDK({ accessToken: 'token', baseUrl: '/api' });
  const bot = await client.chatbots.create({ name: 'Shop' });
  const events = [];
  for await (const event of client.conversations.stream('c', { text: 'hi' })) events.push(event);
  const elsewhere = await client.chatbots.get('moved').catch((error) => error.message);
  const key = await crypto.subtle.importKey(
    'raw', new TextEncoder().encode('a secret'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode('{"event":"x"}')));
  const signature = `sha256=${[...mac].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const verified = await Promise.all(
    ['a secret', 'another'].map((secret) => webhooks.verifyAsync({ event: 'x', signature }, signature, secret)));
  return { bot, events, elsewhere, verified };
}"""


def answer(asked: Asked, _number: int) -> Given:
    if asked.path == "/browser.mjs":
        return Given(body=FILE.read_bytes(), headers={"Content-Type": "text/javascript"})
    if asked.path == "/page":
        return Given(body=b"<!doctype html><title>Page</title>", headers={"Content-Type": "text/html"})
    if asked.path.endswith("/messages"):
        chunks = [chunk.encode() for chunk in STREAM]
        return Given(headers={"Content-Type": "text/event-stream"}, chunks=chunks)
    if asked.path.endswith("/moved"):
        return Given(302, headers={"Location": "/page"})
    return ok({"id": "bot_1"}, 201)


@pytest.mark.browser
async def test_the_sdk_works_in_a_browser(server: FakeServer, chromium: str) -> None:
    server.answer = answer
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(server.url.removesuffix("/api") + "/page")
        found = await page.evaluate(PROGRAM)
        await browser.close()

    assert found["bot"] == {"id": "bot_1"}
    assert found["events"] == [{"type": "token", "text": "Grüß"}, {"type": "message", **FINAL}]
    assert "baseUrl" in found["elsewhere"]
    assert found["verified"] == [True, False]
    [created] = [call for call in server.asked if call.path == "/api/chatbots"]
    assert (created.headers["authorization"], len(created.headers["idempotency-key"])) == ("Bearer token", 32)
