"""What an application does with the SDK for Python, against a running server. Each line that is not as it should
be ends the program with an error."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx

import chatbots_platform as sdk

PERSON = {"username": "joan", "password": "a long enough password"}
EXAMPLES = {
    "opening_hours": ["when are you open", "what are your opening hours", "are you open on sunday", "until when are you open", "opening times please"],
    "prices": ["how much is it", "what does it cost", "tell me the price", "is it expensive", "price list please"],
}  # fmt: skip


def main() -> None:
    client = sdk.ChatbotsClient()
    client.auth.register(email="joan@example.org", **PERSON)
    client.auth.login(**PERSON)
    key = client.api_keys.create(name="tour")["key"]
    renewing()
    refusals(client)
    losing(key)
    chatbot_id = training(client)
    paging(client)
    listening(client)
    asyncio.run(talking(key, chatbot_id))
    client.auth.logout()
    must_fail(sdk.NotAuthenticated, client.api_keys.list)
    client.close()


def must_fail(kind: type[sdk.ChatbotsError], call: object, *arguments: object) -> sdk.ChatbotsError:
    try:
        call(*arguments)  # type: ignore[operator]
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def renewing() -> None:
    kept: list[object] = []
    with sdk.ChatbotsClient() as first:
        tokens = first.auth.login(**PERSON)
    expired = {"access_token": "expired", "refresh_token": tokens["refreshToken"]}
    with sdk.ChatbotsClient(**expired, on_tokens=kept.append) as client:
        client.chatbots.list()
        client.templates.list()
    assert len(kept) == 1
    with sdk.ChatbotsClient(**expired) as late:
        must_fail(sdk.NotAuthenticated, late.chatbots.list)  # it was used


def refusals(client: sdk.ChatbotsClient) -> None:
    must_fail(sdk.NotFound, client.chatbots.get, "bot_unknown")
    refused = must_fail(sdk.ChatbotsError, lambda: client.chatbots.create(name="x", extra={"type": "magic"}))
    assert refused.status in (400, 422)
    assert refused.details


class Losing(httpx.HTTPTransport):
    """The connection breaks after the server did its work, every other time."""

    lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method != "GET":
            self.lost += 1
            if self.lost % 2:
                response.read()
                raise httpx.ReadError("the connection broke")
        return response


def losing(key: str) -> None:
    with httpx.Client(transport=Losing()) as http, sdk.ChatbotsClient(api_key=key, http=http) as client:
        bot = client.chatbots.create(name="Only one")
        assert [one["id"] for one in client.chatbots.list()["items"]] == [bot["id"]]
        client.chatbots.delete(bot["id"])
        assert client.chatbots.list()["pagination"]["total"] == 0


def training(client: sdk.ChatbotsClient) -> str:
    examples = [{"text": text, "intent": intent} for intent, texts in EXAMPLES.items() for text in texts]
    responses = {"opening_hours": "From nine to five.", "prices": "Ten each."}
    dataset = client.training.datasets.create(name="Shop", examples=examples, responses=responses)
    bot = client.chatbots.create(name="Shop", type="ai")
    job = client.chatbots.train(bot["id"], dataset_id=dataset["id"])
    told: list[str] = []
    done = client.training.jobs.wait(
        job["id"], interval_s=0.1, on_progress=lambda one: told.append(one["status"])
    )
    assert done["status"] == told[-1] == "completed"
    assert client.chatbots.deploy(bot["id"])["status"] == "deployed"
    return bot["id"]


def paging(client: sdk.ChatbotsClient) -> None:
    made = {client.templates.create(name=f"Own {number}")["id"] for number in range(5)}
    seen = [template["id"] for template in client.templates.iterate(page_size=2)]
    assert len(seen) == len(set(seen))
    assert made < set(seen)


async def talking(key: str, chatbot_id: str) -> None:
    async with sdk.AsyncChatbotsClient(api_key=key) as client:
        conversation = await client.conversations.create(chatbot_id=chatbot_id)
        exchange = await client.conversations.send_message(conversation["id"], "what does it cost")
        assert exchange["reply"] is not None
        assert exchange["reply"]["text"] == "Ten each."
        events = [
            event async for event in client.conversations.stream(conversation["id"], "when are you open")
        ]
        assert events[-1]["type"] == "message"
        assert events[-1]["reply"]["text"] == "From nine to five."  # type: ignore[typeddict-item,index]
        said = [
            one["text"]
            async for one in client.conversations.iterate_messages(conversation["id"], page_size=3)
        ]
        assert said == ["what does it cost", "Ten each.", "when are you open", "From nine to five."]


def listening(client: sdk.ChatbotsClient) -> None:
    arrived: list[tuple[dict[str, str], bytes]] = []
    here = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            here.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/hook"
        webhook = client.webhooks.create(url=url, events=["message.received"])
        sent = client.webhooks.test(webhook["id"])
        assert here.wait(10)
    [(headers, body)] = arrived
    secret = webhook["secret"]
    assert sdk.webhooks.verify(body, json.loads(body)["signature"], secret)
    assert sdk.webhooks.verify(body, headers["X-Webhook-Signature"], secret)
    assert sdk.webhooks.verify_standard(headers, body, secret)
    assert not sdk.webhooks.verify_standard(headers, body + b" ", secret)
    assert [one["id"] for one in client.webhooks.iterate_deliveries(webhook["id"])] == [sent["id"]]


if __name__ == "__main__":
    main()
