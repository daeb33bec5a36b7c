"""The JSON Schemas (draft 2020-12) of what a served model takes and gives, made from its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.records.data import ColumnType, Task
from modelway.serve.inference import DATATYPES

if TYPE_CHECKING:
    from modelway.records.bundle import SignatureColumn
    from modelway.records.serve import InputOptions
    from modelway.serve.release import ServedModel

_TYPES = {
    ColumnType.INTEGER: "integer",
    ColumnType.NUMBER: "number",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.CATEGORY: "string",
    ColumnType.TEXT: "string",
    ColumnType.DATE: "string",
}


def schemas(model: ServedModel, options: InputOptions) -> dict[str, Any]:
    """All of them, by name."""
    return {
        "Row": _row(model, options),
        "Question": _question(model, options),
        "Answer": _answer(model),
        "InferenceQuestion": _inference_question(model),
        "InferenceAnswer": _inference_answer(),
        "Refusal": _refusal({"error_code": {"type": "string"}, "message": {"type": "string"}}),
        "InferenceRefusal": _refusal({"error_code": {"type": "string"}, "error": {"type": "string"}}),
    }


def _row(model: ServedModel, options: InputOptions) -> dict[str, Any]:
    columns = model.signature.columns
    return {
        "type": "object",
        "properties": {column.name: _column(column) for column in columns},
        "required": [column.name for column in columns if not column.nullable],
        "additionalProperties": options.extra == "ignore",
    }


def _column(column: SignatureColumn) -> dict[str, Any]:
    """The JSON Schema of a column's values."""
    kind = _TYPES[column.type]
    schema: dict[str, Any] = {"type": [kind, "null"] if column.nullable else kind}
    if column.type is ColumnType.CATEGORY and column.values is not None:
        known = list(column.values)
        allowed = [*known, None] if column.nullable else known
        schema |= {"enum": allowed} if column.refuse_unseen else {"examples": known}
    if column.type is ColumnType.DATE:
        schema["description"] = f"A date written {column.format}." if column.format else "A date, ISO 8601."
    if column.min is not None:
        schema["minimum"] = column.min
    if column.max is not None:
        schema["maximum"] = column.max
    return schema


def _question(model: ServedModel, options: InputOptions) -> dict[str, Any]:
    names = [column.name for column in model.signature.columns]
    name = {"enum": names} if options.extra == "refuse" else {"type": "string"}
    values = {"type": "array", "minItems": len(names), "maxItems": len(names)}
    row = {"anyOf": [ref("Row"), {**values, "description": f"The values in the order {', '.join(names)}."}]}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": name, "uniqueItems": True},
            "data": {"type": "array", "items": {"type": "array"}, "minItems": 1},
            "index": {"type": "array"},
        },
        "required": ["columns", "data"],
    }
    columns = {"type": "object", "propertyNames": name, "additionalProperties": {"type": "array", "minItems": 1}}
    rows = {"type": "array", "items": row, "minItems": 1}
    forms = {
        "dataframe_split": split,
        "dataframe_records": {"type": "array", "items": ref("Row"), "minItems": 1},
        "instances": rows,
        "inputs": {"anyOf": [columns, ref("Row"), rows]},
    }
    return {
        "oneOf": [
            {"type": "object", "properties": {name: form}, "required": [name], "additionalProperties": False}
            for name, form in forms.items()
        ]
    }


def _answer(model: ServedModel) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "predictions": {"type": "array", "items": {"type": "number"}},
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
    }
    if model.task is Task.CLASSIFICATION:
        properties["predictions"]["items"] = {"type": "string", "enum": list(model.classes)}
        share = {"type": "number", "minimum": 0, "maximum": 1}
        item = {"type": "object", "properties": dict.fromkeys(model.classes, share)}
        properties["probabilities"] = {"type": "array", "items": item}
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _inference_question(model: ServedModel) -> dict[str, Any]:
    shape = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2}
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "enum": [column.name for column in model.signature.columns]},
            "shape": shape,
            "datatype": {"type": "string", "examples": sorted(set(DATATYPES.values()))},
            "data": {"type": "array"},
            "parameters": {"type": "object"},
        },
        "required": ["name", "shape", "datatype", "data"],
    }
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": tensor, "minItems": 1},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        },
        "required": ["inputs"],
    }


def _inference_answer() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "outputs": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["model_name", "model_version", "outputs"],
    }


def _refusal(properties: dict[str, Any]) -> dict[str, Any]:
    fault = {
        "type": "object",
        "properties": {
            "field": {"type": "string"},
            "expected": {"type": "string"},
            "found": {"type": "string"},
            "row": {"type": "integer"},
        },
        "required": ["field", "expected", "found"],
    }
    more = {
        "request_id": {"type": "string"},
        "faults": {"type": "array", "items": fault},
        "more_faults": {"type": "integer"},
    }
    return {"type": "object", "properties": {**properties, **more}, "required": [*properties, "request_id"]}


def ref(name: str) -> dict[str, str]:
    """A reference to one of these schemas."""
    return {"$ref": f"#/components/schemas/{name}"}
