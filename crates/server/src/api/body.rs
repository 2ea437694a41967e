//! Bodies of the API: JSON within the limit that the whole admin listener has.

use super::problem::{ApiError, FieldError};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use serde::de::DeserializeOwned;

/// A body, or why it could not be taken.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// Reads a body.
///
/// # Errors
/// [`ApiError::TooLarge`], and [`ApiError::Invalid`] with what is wrong and where.
pub(super) fn json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read(&body.map_err(|_| ApiError::TooLarge)?)
}

/// Reads a body that may be left out.
///
/// # Errors
/// As [`json`].
pub(super) fn json_or_none<T: DeserializeOwned + Default>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(|_| ApiError::TooLarge)?;
    if body.is_empty() { Ok(T::default()) } else { read(&body) }
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
    FieldError::new(path, said.replace('`', "\""))
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
            (r#"{"number":"one"}"#, "number", "invalid type: string \"one\", expected i64"),
            (r#"{"number":1,"lines":[{"sku":"a"},{}]}"#, "lines[1].sku", "required"),
            (r#"{"number":1,"lines":[{"sku":"a","n":1}]}"#, "lines[0].n", "there is no such member"),
            (r#"{"number":1,"lines":{}}"#, "lines", "invalid type: map, expected a sequence"),
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
