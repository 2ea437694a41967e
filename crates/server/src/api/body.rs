//! Bodies of the API: JSON within the limit that the whole admin listener has.

use super::problem::{ApiError, FieldError};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

/// A body, or why it could not be taken.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// Reads a body.
///
/// # Errors
/// [`ApiError::TooLarge`], and [`ApiError::Invalid`] with what is wrong and where, also of a
/// body that did not arrive whole in its time.
pub(super) fn json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read(&body.map_err(unread)?)
}

/// Reads a body that may be left out.
///
/// # Errors
/// As [`json`].
pub(super) fn json_or_none<T: DeserializeOwned + Default>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(unread)?;
    if body.is_empty() { Ok(T::default()) } else { read(&body) }
}

fn unread(rejection: BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Invalid(vec![FieldError::new("", "the body ended early, or took too long")]),
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // The whole is a dot there, and what could not be read a question mark.
        let path = error.path().to_string();
        fault(path.trim_end_matches(['.', '?']), &error.into_inner().to_string())
    });
    let fault = |error| ApiError::Invalid(vec![error]);
    let value = read.map_err(fault)?;
    reader.end().map_err(|error| fault(FieldError::new("", error.to_string())))?;
    Ok(value)
}

/// The reader's message at the place that it is about: for a member that is missing or not
/// known that is the member, and not what it would be in.
fn fault(path: &str, message: &str) -> FieldError {
    let member = |rest: &str| {
        let name = rest.split('`').next().unwrap_or_default();
        // Some readers count what they do not know as the place already.
        let is_there = path == name || path.ends_with(&format!(".{name}"));
        match path {
            _ if is_there => path.to_owned(),
            "" => name.to_owned(),
            _ => format!("{path}.{name}"),
        }
    };
    if let Some(rest) = message.strip_prefix("missing field `") {
        return FieldError::new(member(rest), "required");
    }
    if let Some(rest) = message.strip_prefix("unknown field `") {
        return FieldError::new(member(rest), "there is no such member");
    }
    // With a place, nobody needs to count lines.
    let said = match message.rsplit_once(" at line ") {
        Some((said, _)) if !path.is_empty() => said,
        _ => message,
    };
    FieldError::new(path, in_words_of_json(said))
}

/// The reader's message without names of the program: it tells what it expected by the type
/// that reads it, and an object as `struct Order with 1 element`.
fn in_words_of_json(message: &str) -> String {
    let quoted = message.replace('`', "\"");
    // What was found may itself hold these words: what is expected stands last.
    let Some((found, expected)) = quoted.rsplit_once(", expected ") else { return quoted };
    let (expected, place) = match expected.find(" at line ") {
        Some(at) => expected.split_at(at),
        None => (expected, ""),
    };
    let (kind, found) = found.split_once(": ").unwrap_or(("", found));
    let expected = match expected.split(' ').next().unwrap_or_default() {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "nonzero" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "struct" | "map" | "internally" | "adjacently" => "an object",
        "tuple" | "array" => "an array",
        "unit" | "null" => "null",
        "enum" | "variant" | "identifier" | "string" | "str" => "a text",
        "option" | "newtype" | "any" => "another value",
        _ => match expected {
            "a map" => "an object",
            "a sequence" => "an array",
            "a boolean" => "true or false",
            "a string" | "a borrowed string" | "a character" => "a text",
            other => other,
        },
    };
    match kind {
        "invalid type" | "invalid value" => {
            format!("expected {expected}, and it is {}{place}", what_is(found))
        }
        // Of a length nobody needs to hear who wrote something else altogether.
        _ if found.starts_with("invalid length") => format!("expected {expected}{place}"),
        "" => format!("{found}, expected {expected}{place}"),
        _ => format!("{kind}: {found}, expected {expected}{place}"),
    }
}

/// What was found, as JSON has it.
fn what_is(found: &str) -> String {
    let value = |kind: &str| found.strip_prefix(kind).map(|value| value.replace('"', ""));
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "an array".to_owned(),
        "unit value" => "null".to_owned(),
        _ => {
            value("integer ").or(value("floating point ")).or(value("boolean ")).unwrap_or_else(
                || match found.strip_prefix("string ") {
                    Some(text) => format!("the text {text}"),
                    None => found.to_owned(),
                },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Order {
        number: i64,
        #[serde(default)]
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Line {
        sku: String,
    }

    fn refused(body: &'static str) -> (String, String) {
        match read::<Order>(&Bytes::from_static(body.as_bytes())) {
            Err(ApiError::Invalid(errors)) => (errors[0].path.clone(), errors[0].message.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_wrong_in_a_body_is_said_with_its_place() {
        for (body, path, message) in [
            ("{}", "number", "required"),
            (r#"{"number":1,"nmber":2}"#, "nmber", "there is no such member"),
            (r#"{"number":"one"}"#, "number", "expected a whole number, and it is the text \"one\""),
            (r#"{"number":1,"lines":[{"sku":"a"},{}]}"#, "lines[1].sku", "required"),
            (r#"{"number":1,"lines":[{"sku":"a","n":1}]}"#, "lines[0].n", "there is no such member"),
            (r#"{"number":1,"lines":{}}"#, "lines", "expected an array, and it is an object"),
        ] {
            assert_eq!(refused(body), (path.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn no_name_of_the_program_is_told_where_a_value_is_of_another_kind() {
        for (body, path, message) in [
            ("[]", "", "expected an object at line 1 column 2"),
            ("5", "", "expected an object, and it is 5 at line 1 column 1"),
            (r#""text""#, "", "expected an object, and it is the text \"text\" at line 1 column 6"),
            ("null", "", "expected an object, and it is null at line 1 column 4"),
            (r#"{"number":1,"lines":[7]}"#, "lines[0]", "expected an object, and it is 7"),
            (r#"{"number":1,"lines":[[]]}"#, "lines[0]", "expected an object"),
            (r#"{"number":1.5}"#, "number", "expected a whole number, and it is 1.5"),
            (r#"{"number":true}"#, "number", "expected a whole number, and it is true"),
            (r#"{"number":{}}"#, "number", "expected a whole number, and it is an object"),
            (r#"{"number":1,"lines":[{"sku":[]}]}"#, "lines[0].sku", "expected a text, and it is an array"),
            (
                r#"{"number":", expected u8"}"#,
                "number",
                "expected a whole number, and it is the text \", expected u8\"",
            ),
        ] {
            assert_eq!(refused(body), (path.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_wrong_as_a_whole() {
        for body in ["", "{bad", "{\"number\":1} x", "[]"] {
            assert_eq!(refused(body).0, "", "{body}");
        }
    }
}
