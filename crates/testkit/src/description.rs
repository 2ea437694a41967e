//! Holds what the API answers against its description, so that each test that asks the API
//! for something proves the description too.

use crate::Reply;
use http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Holds an answer of this program's API against its description.
///
/// # Panics
/// Where it is not as described.
pub fn holds(method: &Method, target: &str, reply: &Reply) {
    static OWN: LazyLock<Description> = LazyLock::new(|| {
        let document = crumb_server::api::openapi::description();
        Description::of(&serde_json::to_value(document).expect("the description is JSON"))
    });
    OWN.holds(method, target, reply);
}

/// The description, ready to judge answers.
struct Description {
    operations: Vec<Operation>,
}

struct Operation {
    method: Method,
    /// `/api/v1/leads/{id}`, by its parts.
    path: Vec<String>,
    /// By status, and by type of content.
    answers: BTreeMap<u16, BTreeMap<String, Validator>>,
}

impl Description {
    /// Reads an OpenAPI document.
    ///
    /// # Panics
    /// Where it is none.
    fn of(document: &Value) -> Self {
        let document = &closed(document.clone());
        let base = document["servers"][0]["url"].as_str().unwrap_or_default();
        let mut operations = Vec::new();
        for (path, item) in object(&document["paths"]) {
            let path: Vec<String> = format!("{base}{path}").split('/').map(str::to_owned).collect();
            for (method, operation) in object(item) {
                let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
                let answers = object(&operation["responses"]).map(|(status, answer)| {
                    let status = status.parse().expect("a status");
                    let content = object(&answer["content"]);
                    let content = content.map(|(kind, content)| {
                        (kind.clone(), validator(document, content.get("schema").unwrap_or(&json!({}))))
                    });
                    (status, content.collect())
                });
                let answers = answers.collect();
                operations.push(Operation { method, path: path.clone(), answers });
            }
        }
        assert!(!operations.is_empty(), "a description has operations");
        Self { operations }
    }

    /// Holds an answer against what is described. What is asked of an address or by a method
    /// that the API does not have is described nowhere.
    ///
    /// # Panics
    /// Where it is not as described, with the differences.
    fn holds(&self, method: &Method, target: &str, reply: &Reply) {
        let path = target.split('?').next().unwrap_or_default();
        let Some(operation) = self.operations.iter().find(|one| one.method == *method && one.is_at(path))
        else {
            return;
        };
        let status = reply.status.as_u16();
        let asked = format!("{method} {target} → {status}");
        let answer = operation.answers.get(&status);
        let answer = answer.unwrap_or_else(|| panic!("{asked} is not described: {}", reply.text()));
        let kind = reply.header("content-type").split(';').next().unwrap_or_default();
        if answer.is_empty() {
            assert!(reply.body.is_empty(), "{asked} is described without content: {}", reply.text());
            return;
        }
        let validator = answer.get(kind).unwrap_or_else(|| panic!("{asked}: {kind} is not described"));
        if !kind.ends_with("json") {
            return;
        }
        let mut faults = String::new();
        for error in validator.iter_errors(&reply.json()) {
            let _ = writeln!(faults, "at {}: {error}", error.instance_path());
        }
        assert!(faults.is_empty(), "{asked} is not as described:\n{faults}");
    }
}

impl Operation {
    fn is_at(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let same = self.path.iter().all(|wanted| {
            parts
                .next()
                .is_some_and(|part| if wanted.starts_with('{') { !part.is_empty() } else { part == wanted })
        });
        same && parts.next().is_none()
    }
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.insert("components".to_owned(), document["components"].clone());
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&Value::Object(whole))
        .expect("the description's schemas are sound")
}

/// The description, taken at its word: a member that it does not name is a fault. Left open
/// are the parts of an `allOf`, of which each knows its own members only.
fn closed(mut document: Value) -> Value {
    let mut open: Vec<String> = Vec::new();
    for (name, schema) in object(&document["components"]["schemas"]) {
        if !["properties", "allOf", "oneOf", "anyOf"].iter().any(|key| schema.get(key).is_some()) {
            open.push(format!("#/components/schemas/{name}"));
        }
    }
    close(&mut document["paths"], &open);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for schema in schemas.values_mut().filter_map(Value::as_object_mut) {
            close_members(schema, &open);
        }
    }
    document
}

fn close(value: &mut Value, open: &[String]) {
    match value {
        Value::Object(members) => {
            let is_reference = members
                .get("$ref")
                .and_then(Value::as_str)
                .is_some_and(|to| !open.iter().any(|one| one == to));
            if is_reference || members.contains_key("properties") || members.contains_key("allOf") {
                members.entry("unevaluatedProperties").or_insert(json!(false));
            }
            close_members(members, open);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| close(value, open)),
        _ => {}
    }
}

/// What lies below, but for the parts of an `allOf` themselves.
fn close_members(members: &mut Map<String, Value>, open: &[String]) {
    for (key, value) in members.iter_mut() {
        match (key.as_str(), value) {
            ("allOf", Value::Array(parts)) => {
                for part in parts.iter_mut().filter_map(Value::as_object_mut) {
                    close_members(part, open);
                }
            }
            ("example" | "examples" | "default" | "enum" | "required", _) => {}
            (_, value) => close(value, open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn description() -> Description {
        Description::of(&json!({
            "servers": [{ "url": "/api/v1" }],
            "paths": { "/leads/{id}": { "get": { "responses": {
                "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Lead" } } } },
                "204": {},
            } } } },
            "components": { "schemas": {
                "Lead": {
                    "allOf": [
                        { "$ref": "#/components/schemas/Named" },
                        { "properties": { "sales": { "type": "array", "items": { "$ref": "#/components/schemas/Sale" } } } },
                    ],
                },
                "Named": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" } } },
                "Sale": { "type": "object", "properties": { "at": { "type": "string", "format": "date-time" } } },
            } },
        }))
    }

    /// Whether an answer is as described.
    fn is_as_described(status: u16, kind: &'static str, body: &Value) -> bool {
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let reply = Reply { status: StatusCode::from_u16(status).unwrap(), headers, body };
        let held = || description().holds(&Method::GET, "/api/v1/leads/7?q=x", &reply);
        catch_unwind(AssertUnwindSafe(held)).is_ok()
    }

    #[test]
    fn an_answer_has_what_is_described_and_nothing_else() {
        let sale = |at: &str| json!({ "id": "a", "sales": [{ "at": at }] });
        let moment = "2026-11-22T10:00:00Z";
        for (status, kind, body, expected) in [
            (200, "application/json", sale(moment), true),
            (200, "application/json; charset=utf-8", json!({ "id": "a" }), true),
            (200, "application/json", sale("yesterday"), false),
            (200, "application/json", json!({ "id": 7 }), false),
            (200, "application/json", json!({}), false),
            (200, "application/json", json!({ "id": "a", "more": 1 }), false),
            (200, "application/json", json!({ "id": "a", "sales": [{ "more": 1 }] }), false),
            (200, "text/plain", json!({ "id": "a" }), false),
            (404, "application/json", json!({ "id": "a" }), false),
            (204, "", Value::Null, true),
            (204, "application/json", json!({ "id": "a" }), false),
        ] {
            assert_eq!(is_as_described(status, kind, &body), expected, "{status} {kind} {body}");
        }
    }

    #[test]
    fn what_the_api_does_not_have_is_described_nowhere() {
        let reply = Reply { status: StatusCode::NOT_FOUND, headers: HeaderMap::new(), body: Bytes::new() };
        for target in ["/api/v1/leads", "/api/v1/leads/", "/api/v1/leads/7/more", "/other"] {
            description().holds(&Method::GET, target, &reply);
        }
        description().holds(&Method::PUT, "/api/v1/leads/7", &reply);
    }
}
