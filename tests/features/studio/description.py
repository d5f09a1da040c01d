"""Requests and answers held against an OpenAPI description: X's published one, or the recorded shapes beside it."""

import gzip
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs

HERE = Path(__file__).parent
PUBLISHED = HERE.parents[3] / "shared" / "data" / "apis" / "x_openapi.json.gz"
RECORDED = HERE / "platforms" / "x" / "shapes.json"


def load(name: str) -> dict[str, Any]:
    """The description `published` or `recorded`."""
    if name == "published":
        with gzip.open(PUBLISHED) as file:
            return dict(json.load(file))
    return dict(json.loads(RECORDED.read_text()))


@dataclass
class Description:
    """One description, and what was found to break it."""

    document: dict[str, Any]
    broken: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def check_request(self, method: str, target: str, content_type: str, body: bytes) -> str:
        """What is wrong with a request, empty where nothing is; remembered in `broken`."""
        wrong = self._wrong(method, target, content_type, body)
        if wrong:
            self.broken.append(f"{method} {target}: {wrong}")
        return wrong

    def check_answer(self, method: str, target: str, status: int, body: Any) -> None:
        """Hold our own answer against the description, so that the fake cannot drift from the real one."""
        found = self._operation(method, urlsplit(target).path)
        if found is None:
            return
        said = found[0]["responses"].get(str(status)) or found[0]["responses"]["default"]
        schemas = [content["schema"] for content in said["content"].values()]
        problems = [self._against(schema, body) for schema in schemas]
        if all(problems):
            self.broken.append(f"answer {status} to {method} {target}: {problems}")

    def _wrong(self, method: str, target: str, content_type: str, body: bytes) -> str:
        parts = urlsplit(target)
        found = self._operation(method, parts.path)
        if found is None:
            return "there is no such call"
        operation, path, values = found
        self.used.add(f"{method} {path}")
        problems = self._parameters(operation, values, dict(parse_qsl(parts.query, keep_blank_values=True)))
        return problems or self._body(operation, content_type, body)

    def _parameters(self, operation: dict[str, Any], path: dict[str, str], query: dict[str, str]) -> str:
        known = [self._resolve(parameter) for parameter in operation.get("parameters", [])]
        by_name = {p["name"]: p for p in known if p["in"] == "query"}
        if unknown := set(query) - set(by_name):
            return f"unknown parameters {sorted(unknown)}"
        given = {"path": path, "query": query}
        for parameter in known:
            text = given[parameter["in"]].get(parameter["name"])
            if text is None:
                if parameter.get("required"):
                    return f"{parameter['name']} is missing"
                continue
            if problem := self._against(
                parameter["schema"], _typed(self._resolve(parameter["schema"]), text)
            ):
                return f"{parameter['name']}: {problem}"
        return ""

    def _body(self, operation: dict[str, Any], content_type: str, body: bytes) -> str:
        expected = operation.get("requestBody")
        if expected is None:
            return "a body where none is expected" if body else ""
        if content_type.partition(";")[0] not in expected["content"]:
            return f"content type {content_type}"
        return self._against(expected["content"]["application/json"]["schema"], json.loads(body))

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], str, dict[str, str]] | None:
        exact = self.document["paths"].get(path, {}).get(method.lower())
        if exact is not None:
            return exact, path, {}
        for template, methods in self.document["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            match = re.fullmatch(pattern, path)
            if match and method.lower() in methods:
                return methods[method.lower()], template, match.groupdict()
        return None

    def _against(self, schema: dict[str, Any], value: Any) -> str:
        whole = {**schema, "components": self.document["components"]}
        errors = list(jsonschema_rs.Draft202012Validator(whole).iter_errors(value))
        return "; ".join(error.message for error in errors)

    def _resolve(self, part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            found: Any = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            part = found
        return part


def _typed(schema: dict[str, Any], text: str) -> Any:
    if schema.get("type") == "array":
        return text.split(",")
    return int(text) if schema.get("type") == "integer" and text.isdigit() else text
