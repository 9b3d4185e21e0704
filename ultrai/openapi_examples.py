"""Examples in the schema: of every request, every answer and every error."""

from http import HTTPStatus
from typing import Any

from ultrai.examples import SCHEMAS, TIME, VALUES, Several
from ultrai.problem_examples import KEY_IN_PROGRESS, KEY_REUSED, OWN_PROBLEMS, PROBLEMS
from ultrai.problems import PROBLEM_JSON

BY_FORMAT = {
    "date-time": TIME,
    "email": "ada@example.com",
    "uri": "https://api.example.com/",
    "decimal": "0.00000000",
}
BY_TYPE: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0.5,
    "boolean": False,
    "object": {},
    "null": None,
}


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A drf-spectacular hook; the last, because it looks at what the others have made."""
    examples = Examples(result["components"]["schemas"])
    shared = result["components"].setdefault("responses", {})
    for operations in result["paths"].values():
        for operation in operations.values():
            bodies = operation.get("requestBody", {}).get("content", {})
            for media_type, content in bodies.items():
                content.update(examples.of_body(media_type, content["schema"]))
            for status, answer in operation["responses"].items():
                contents = answer.get("content", {})
                if PROBLEM_JSON in contents:
                    problems = examples.problems(operation, status)
                    content = {**contents[PROBLEM_JSON], "examples": problems}
                    answer = {**answer, "content": {PROBLEM_JSON: content}}
                    # What most operations have is written down once.
                    name = HTTPStatus(int(status)).phrase.title().replace(" ", "")
                    is_usual = problems == examples.problems({}, status)
                    if is_usual and shared.setdefault(name, answer) == answer:
                        answer = {"$ref": f"#/components/responses/{name}"}
                    operation["responses"][status] = answer
                    continue
                for media_type, content in contents.items():
                    content.update(examples.of_body(media_type, content["schema"], status))
    return result


class Examples:
    def __init__(self, schemas: dict[str, Any]) -> None:
        self.schemas = schemas

    def of_body(self, media_type: str, schema: dict[str, Any], status: str = "") -> dict[str, Any]:
        """What belongs into a media type object. Bytes have no example."""
        if schema.get("format") == "binary":
            return {}
        if media_type in SCHEMAS:
            return {"example": SCHEMAS[media_type]}
        chosen = SCHEMAS.get(name_of(schema))
        if isinstance(chosen, Several):
            filled = {name: self.of(schema, one) for name, one in chosen.items()}
            return {"examples": {name: {"value": value} for name, value in filled.items()}}
        return {"example": self.of(schema, SCHEMAS.get(f"{name_of(schema)} {status}"))}

    def of(self, schema: dict[str, Any], own: Any = None) -> Any:
        """An example of the schema. `own` has what is different in this one."""
        if "$ref" in schema:
            return self.of_component(name_of(schema), own)
        if "allOf" in schema:
            return self.of(schema["allOf"][0], own)
        if variants := schema.get("oneOf", schema.get("anyOf")):
            return None if {"type": "null"} in variants else self.of(variants[0], own)
        kind = schema.get("type", "null")
        if "null" in kind:
            return None
        if kind == "array":
            return [self.of(schema["items"], one) for one in own or [None]]
        if kind == "object" and "properties" in schema:
            return self.of_object(schema, own or {})
        if "default" in schema or "enum" in schema:
            return schema.get("default", schema.get("enum", [None])[0])
        return BY_FORMAT.get(schema.get("format", ""), BY_TYPE[kind])

    def of_component(self, name: str, own: Any) -> Any:
        schema, usual = self.schemas[name], SCHEMAS.get(name, {})
        if "properties" not in schema:
            return self.of(schema)
        own = ({} if isinstance(usual, Several) else usual) | (own or {})
        return self.of_object(schema, own, only_own=name.endswith("Request") and bool(own))

    def of_object(
        self, schema: dict[str, Any], own: dict[str, Any], *, only_own: bool = False
    ) -> dict[str, Any]:
        """Properties that are required, and those of which there is something to show."""
        shown = {*schema.get("required", ()), *own} | (set() if only_own else VALUES.keys())
        properties = schema.get("properties", {})
        return {
            name: self.of_property(name, one, own)
            for name, one in properties.items()
            if name in shown
        }

    def of_property(self, name: str, schema: dict[str, Any], own: dict[str, Any]) -> Any:
        target = self.resolved(schema.get("items", schema))
        is_nested = "properties" in target
        if name in own:
            return self.of(schema, own[name]) if is_nested else own[name]
        # Objects and enumerations of the same name are not of the same kind.
        value = VALUES.get(name)
        is_object = isinstance(value[0] if value and isinstance(value, list) else value, dict)
        is_its_own = (is_nested and not is_object) or "enum" in target
        return value if name in VALUES and not is_its_own else self.of(schema)

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        inner = schema.get("allOf", [schema])[0]
        found = self.schemas[name_of(inner)] if "$ref" in inner else inner
        return dict(found)

    def problems(self, operation: dict[str, Any], status: str) -> dict[str, Any]:
        """The problem documents that this operation answers with under this status, by code."""
        found = list(self.invalid(operation) if status == "400" else PROBLEMS.get(status, []))
        if status == "401" and operation and "security" not in operation:
            found = []  # it asks for no token
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        if status == "409" and "Idempotency-Key" in names:
            found += [KEY_REUSED, KEY_IN_PROGRESS]
        if own := OWN_PROBLEMS.get(f"{operation.get('operationId')} {status}"):
            found.insert(0, own)
        phrase = HTTPStatus(int(status)).phrase
        if not found:
            found = [{"code": phrase.lower().replace(" ", "_"), "detail": f"{phrase}."}]
        common = {"type": "about:blank", "title": phrase, "status": int(status)}
        problem = self.schemas["Problem"]
        return {
            one["code"]: {"value": self.of_object(problem, common | one, only_own=True)}
            for one in found
        }

    def invalid(self, operation: dict[str, Any]) -> list[dict[str, Any]]:
        """What is wrong with a request: a field of its body that is missing, a parameter."""
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        required = [n for body in bodies for n in self.resolved(body["schema"]).get("required", ())]
        queries = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        if required:
            field, message = required[0], "This field is required."
        elif bodies:
            return [
                {
                    "code": "parse_error",
                    "detail": "The body is not valid JSON: Expecting value: line 1 column 1 "
                    "(char 0).",
                }
            ]
        elif "limit" in queries:
            field, message = "limit", "A whole number from 1 is expected."
        else:
            known = f"Known are: {', '.join(queries)}." if queries else "There are none here."
            field, message = "colour", f"There is no such query parameter. {known}"
        errors = {field: [message]}
        return [{"code": "invalid", "detail": f"{field}: {message}", "errors": errors}]


def name_of(schema: dict[str, Any]) -> str:
    """The name of the component that it refers to; empty where it refers to none."""
    return str(schema.get("$ref", "")).rpartition("/")[2]
