"""OpenAPI, the documentation page, and what the server says of itself."""

from __future__ import annotations

import re


def test_the_openapi_document_describes_the_models_own_fields(shared_server) -> None:
    document = shared_server.ask("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    row = document["components"]["schemas"]["Row"]
    assert row["required"] == ["age", "home", "since", "note"]
    assert row["additionalProperties"] is False
    assert row["properties"]["age"] == {"type": "integer", "minimum": 0.0, "maximum": 100.0}
    assert row["properties"]["home"] == {"type": "string", "enum": ["own", "rent"]}
    assert row["properties"]["city"] == {"type": ["string", "null"], "examples": ["Bonn", "Köln"]}


def test_every_reference_of_the_openapi_document_leads_somewhere(shared_server) -> None:
    answer = shared_server.ask("GET", "/openapi.json")
    schemas = answer.json["components"]["schemas"]
    named = set(re.findall(rb'"#/components/schemas/(\w+)"', answer.body))
    assert {name.decode() for name in named} == set(schemas)


def test_its_schemas_are_schemas_and_take_what_the_server_takes(shared_server, row) -> None:
    import jsonschema

    document = shared_server.ask("GET", "/openapi.json").json
    for name in document["components"]["schemas"]:
        jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"][name])

    def check(name: str, value: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(value)

    check("Question", {"dataframe_records": [row]})
    check("Answer", shared_server.predict(row).json)
    check("Refusal", shared_server.predict({"age": "x"}).json)
    check("InferenceRefusal", shared_server.ask("POST", "/v2/models/loans/infer", {}).json)


def test_every_path_of_the_document_is_there(shared_server) -> None:
    for path, methods in shared_server.ask("GET", "/openapi.json").json["paths"].items():
        for method, operation in methods.items():
            status = shared_server.ask(method.upper(), path, None if method == "get" else {}).status
            assert str(status) in operation["responses"], (method, path, status)


def test_the_page_shows_fields_and_needs_no_network(shared_server) -> None:
    answer = shared_server.ask("GET", "/docs")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = answer.body.decode()
    for text in ("loans", "version 3", "birthday", "an integer from 0 to 100", "one of &#x27;own&#x27;"):
        assert text in page
    assert not re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", page)


def test_a_name_can_not_smuggle_markup_into_the_page(start, bundle) -> None:
    server = start(champion=bundle(3, name="<script>x</script>"))
    assert b"<script>x" not in server.ask("GET", "/docs").body
