"""Small projects in the formats of others, written for these tests."""

import io
import json
import zipfile
from typing import Any


def zipped(files: dict[str, Any]) -> bytes:
    """A zip of texts, bytes and JSON values."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, str | bytes) else json.dumps(content))
    return buffer.getvalue()


SHOP_NLU = """
version: "3.1"
nlu:
- intent: order_tea
  examples: |
    - a pot of [green tea](drink)
    - [two]{"entity": "number", "role": "amount", "value": "2"} cups of [sencha]{"entity": "drink", "value": "green tea"}
    - no marks [here] or (there)
- intent: affirm
  examples:
  - text: yes
  - text: |
      sure thing
- intent: faq/opening
  examples: |
    - when do you open
- synonym: green tea
  examples: |
    - sencha
    - matcha
- synonym: nobody knows
  examples: |
    - unheard of
- lookup: drink
  examples: |
    - green tea
    - black tea
- regex: drink
  examples: |
    - tea no\\. \\d+
- regex: zip
  examples: |
    - \\d{5}
"""
SHOP_DOMAIN = """
version: "3.1"
intents:
- order_tea:
    use_entities: [drink]
- affirm
- deny
- faq
entities:
- drink
- number:
    roles: [amount]
slots:
  drink:
    type: text
    mappings:
    - type: from_entity
      entity: drink
  gift:
    type: bool
    initial_value: false
    mappings:
    - type: from_intent
      intent: affirm
      value: true
  size:
    type: categorical
    values: [small, large]
    mappings:
    - type: custom
forms:
  tea_form:
    required_slots: [drink, size]
responses:
  utter_ask_drink:
  - text: "Which tea?"
    buttons:
    - title: Green
      payload: '/order_tea{"drink": "green tea"}'
    - title: Large
      payload: /SetSlots(size=large, gift=true)
    - title: Shop
      url: https://example.org
      type: web_url
  utter_ask_tea_form_size:
  - text: "How large?"
  utter_done:
  - text: "Your {drink} comes."
    image: https://example.org/tea.png
  - text: "On its way."
    channel: telegram
  utter_faq/opening:
  - text: At nine.
  utter_hello:
  - text: Good day, guest.
  - text: Welcome back!
    condition:
    - type: slot
      name: gift
      value: true
  utter_default:
  - text: Pardon?
actions:
- action_brew
session_config:
  session_expiration_time: 30
"""
SHOP_RULES = """
version: "3.1"
rules:
- rule: begin
  steps:
  - intent: order_tea
  - action: tea_form
  - active_loop: tea_form
- rule: submit
  condition:
  - active_loop: tea_form
  steps:
  - action: tea_form
  - active_loop: null
  - slot_was_set:
    - requested_slot: null
  - action: action_brew
  - action: utter_done
- rule: opening
  steps:
  - intent: faq
  - action: utter_faq
- rule: hello
  condition:
  - slot_was_set:
    - gift: true
  steps:
  - intent: greet
  - action: utter_hello
- rule: two turns
  steps:
  - intent: greet
  - action: utter_hello
  - intent: deny
  - action: utter_done
stories:
- story: gift or not
  steps:
  - intent: buy_gift
  - action: utter_done
  - action: utter_ask_gift
  - intent: affirm
  - action: utter_done
- story: not
  steps:
  - intent: buy_gift
  - action: utter_done
  - action: utter_ask_gift
  - intent: deny
  - action: utter_hello
- story: from elsewhere
  steps:
  - checkpoint: other
  - intent: deny
  - action: utter_done
"""
CALM = """
flows:
  pay:
    name: pay the bill
    description: takes the money
    if: not slots.paid
    nlu_trigger:
    - intent: pay
    - intent:
        name: settle
        confidence_threshold: 0.8
    steps:
    - collect: amount
      ask_before_filling: true
      rejections:
      - if: slots.amount <= 0 or slots.amount > 100
        utter: utter_wrong
    - id: check
      action: action_check_funds
      next:
      - if: slots.funds is not true
        then:
        - action: utter_poor
        - set_slots:
          - amount: null
          next: amount_again
      - if: slots.amount > slots.limit
        then: END
      - else: sure
    - id: amount_again
      collect: amount
    - id: sure
      collect: sure
      utter: utter_sure
      next:
      - if: slots.sure
        then:
        - call: receipt
        - action: utter_paid
          next: END
      - else:
        - link: pattern_human_handoff
  receipt:
    description: sends a receipt
    steps:
    - action: utter_receipt
    - noop: true
      next: END
  pattern_session_start:
    description: begins
    steps:
    - action: utter_paid
slots:
  amount: {type: float, mappings: [{type: from_llm}]}
  paid: {type: bool, mappings: [{type: controlled}]}
  sure: {type: bool, mappings: [{type: from_llm}]}
responses:
  utter_ask_amount: [{text: How much?}]
  utter_wrong: [{text: Not that much.}]
  utter_poor: [{text: Too poor.}]
  utter_sure: [{text: Sure?}]
  utter_paid: [{text: Paid.}]
  utter_receipt: [{text: Here.}]
"""
DIALOGFLOW = {
    "agent.json": {"displayName": "Tea", "language": "en", "description": "sells tea"},
    "package.json": {"version": "1.0.0"},
    "entities/drink.json": {"name": "drink", "isRegexp": False},
    "entities/drink_entries_en.json": [{"value": "green tea", "synonyms": ["green tea", "sencha"]}],
    "intents/order.json": {
        "name": "order",
        "contexts": ["shop"],
        "webhookUsed": True,
        "responses": [
            {
                "parameters": [{"name": "drink", "dataType": "@drink", "required": True}],
                "messages": [
                    {"type": "0", "lang": "en", "speech": ["Coming.", "At once."]},
                    {"type": "0", "lang": "de", "speech": "Kommt."},
                    {"type": "4", "payload": {}},
                ],
            }
        ],
    },
    "intents/order_usersays_en.json": [
        {"data": [{"text": "bring me "}, {"text": "sencha", "meta": "@drink", "alias": "drink"}]},
        {"data": [{"text": "for "}, {"text": " two ", "meta": "@sys.number", "alias": "guests"}]},
    ],
    "intents/order_usersays_de.json": [{"data": [{"text": "einen Tee"}]}],
    "intents/Default Fallback Intent.json": {
        "name": "Default Fallback Intent",
        "fallbackIntent": True,
        "responses": [{"messages": [{"type": "0", "speech": "Pardon?"}]}],
    },
}
DIALOGFLOW_CX = {
    "agent.json": {"displayName": "Tea CX", "defaultLanguageCode": "en"},
    "entityTypes/drink/drink.json": {"displayName": "drink", "kind": "KIND_MAP"},
    "entityTypes/drink/entities/en.json": {"entities": [{"value": "green", "synonyms": ["sencha"]}]},
    "intents/order/order.json": {
        "displayName": "order",
        "parameters": [{"id": "what", "entityType": "drink"}],
    },
    "intents/order/trainingPhrases/en.json": {
        "trainingPhrases": [{"parts": [{"text": "bring "}, {"text": "sencha", "parameterId": "what"}]}]
    },
    "flows/Start/Start.json": {
        "displayName": "Start",
        "transitionRoutes": [
            {
                "intent": "order",
                "targetPage": "Table",
                "triggerFulfillment": {"messages": [{"text": {"text": ["Coming."]}, "languageCode": "en"}]},
            },
            {"condition": "true", "targetPage": "End"},
        ],
        "eventHandlers": [
            {
                "event": "sys.no-match-default",
                "triggerFulfillment": {"messages": [{"text": {"text": ["Pardon?"]}}]},
            }
        ],
    },
    "flows/Start/pages/Table.json": {
        "displayName": "Table",
        "form": {
            "parameters": [
                {
                    "displayName": "guests",
                    "entityType": "sys.number",
                    "fillBehavior": {
                        "initialPromptFulfillment": {"messages": [{"text": {"text": ["How many?"]}}]}
                    },
                }
            ]
        },
    },
    "webhooks/brew.json": {"displayName": "brew"},
}
BOTPRESS = {
    "intents": [
        {
            "name": "order",
            "contexts": ["global", "shop"],
            "utterances": {"en": ["bring [sencha](what)", "tea"], "fr": ["un thé"]},
            "slots": [{"name": "what", "entities": ["drink", "any"]}],
        }
    ],
    "entities": [
        {"name": "drink", "type": "list", "occurrences": [{"name": "green", "synonyms": ["sencha"]}]},
        {"name": "code", "type": "pattern", "pattern": "[A-Z]{3}", "matchCase": True},
        {"name": "number", "type": "system"},
    ],
    "qnas": [
        {
            "id": "1",
            "data": {
                "enabled": True,
                "questions": {"en": ["When do you open?"]},
                "answers": {"en": ["At nine."]},
            },
        }
    ],
}
