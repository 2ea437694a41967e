//! Query strings of the API: strict, so that a misspelt filter is an error and
//! not a longer list.

use super::problem::{ApiError, FieldError};
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crumb_domain::request_id::RequestIdKey;
use crumb_domain::{AffiliateId, RowId, Timestamp};
use crumb_storage::{Cursor, Page, PageRequest};
use serde::Serialize;
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

/// A query string that is taken apart parameter by parameter; all that is wrong
/// with it is reported at once by [`QueryString::finish`].
#[derive(Debug)]
pub struct QueryString {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl QueryString {
    /// Of a request's address. An empty value counts as absent.
    pub fn of(uri: &Uri) -> Self {
        let mut errors = Vec::new();
        let pairs = match axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri) {
            Ok(axum::extract::Query(pairs)) => pairs,
            Err(_) => {
                errors.push(FieldError::new("", "the query string cannot be read"));
                Vec::new()
            }
        };
        Self { pairs, errors }
    }

    /// A parameter's text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let mut found = None;
        let mut times = 0;
        self.pairs.retain(|(key, value)| {
            if key != name {
                return true;
            }
            times += 1;
            found.get_or_insert_with(|| value.clone());
            false
        });
        if times > 1 {
            self.errors.push(FieldError::new(name, "given more than once"));
        }
        found.filter(|value| !value.is_empty())
    }

    /// A parameter read by a function; `expected` ends "expected …".
    pub fn read<T>(&mut self, name: &str, expected: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.errors.push(FieldError::new(name, format!("expected {expected}")));
        }
        value
    }

    /// One of these; whoever names another is told all of them.
    pub fn one_of<T: Copy>(&mut self, name: &str, all: &[T], code: impl Fn(T) -> &'static str) -> Option<T> {
        let codes: Vec<String> = all.iter().map(|one| format!("{:?}", code(*one))).collect();
        let expected = format!("one of {}", codes.join(", "));
        self.read(name, &expected, |text| all.iter().copied().find(|one| code(*one) == text))
    }

    /// An entity's id.
    pub fn id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.read(name, "a positive whole number", |text| text.parse().ok())
    }

    /// An affiliate's id, which for test links and what came of them is -1.
    pub fn affiliate(&mut self, name: &str) -> Option<AffiliateId> {
        self.read(name, "an affiliate's id, or -1 for tests", |text| match text {
            "-1" => Some(AffiliateId::TEST),
            text => text.parse().ok(),
        })
    }

    /// The row of the session that a request id names.
    pub fn session(&mut self, name: &str, names: &RequestIdKey) -> Option<RowId> {
        self.read(name, "a request id: a positive number below 2^53", |text| {
            text.parse().ok().and_then(|id| names.row_id(id))
        })
    }

    /// A moment. A space stands for the `+` of an offset that was not escaped.
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.read(name, "a time like \"2030-01-01T00:00:00Z\"", |text| text.replace(' ', "+").parse().ok())
    }

    /// The page of a list, once its filter has been read, and what was wrong with
    /// either.
    ///
    /// # Errors
    /// [`ApiError::Invalid`].
    pub fn finish_list(mut self) -> Result<PageRequest, ApiError> {
        let page = self.page();
        self.finish().map(|()| page)
    }

    /// `sort`, `limit` and `cursor`.
    fn page(&mut self) -> PageRequest {
        let default = PageRequest::default();
        let ascending = self.read("sort", "\"-id\" or \"id\"", |text| match text {
            "id" => Some(true),
            "-id" => Some(false),
            _ => None,
        });
        let expected = format!("a whole number from 1 to {}", PageRequest::MAX_LIMIT);
        let limit = self.read("limit", &expected, |text| {
            text.parse().ok().filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit))
        });
        PageRequest {
            limit: limit.unwrap_or(default.limit),
            cursor: self.read("cursor", "the \"next\" of an earlier answer", read_cursor),
            ascending: ascending.unwrap_or(default.ascending),
        }
    }

    /// Reports what was wrong, with parameters that nobody asked for.
    ///
    /// # Errors
    /// [`ApiError::Invalid`].
    pub fn finish(mut self) -> Result<(), ApiError> {
        let unknown = self.pairs.iter().map(|(name, _)| FieldError::new(name, "there is no such parameter"));
        self.errors.extend(unknown);
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::Invalid(self.errors)) }
    }
}

/// What every list of records takes, for the API's description.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters, which are read one by one to name what is wrong")]
pub(crate) struct PageParameters {
    /// At or after this RFC 3339 time.
    from: Option<String>,
    /// Before this RFC 3339 time.
    to: Option<String>,
    /// `-id` (newest first, the default) or `id`.
    sort: Option<String>,
    /// 1 to 1000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of a list, as it is answered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Listing<T> {
    /// Its rows.
    pub data: Vec<T>,
    /// The `cursor` of the next page; null on the last.
    pub next: Option<String>,
    /// How many rows the whole list has.
    pub total: u64,
}

impl<T> Listing<T> {
    /// All there is, on one page.
    pub fn whole(data: Vec<T>) -> Self {
        let total = data.len() as u64;
        Self { data, next: None, total }
    }

    /// A page of the store's, its rows turned into the API's; what has no row there
    /// is left out.
    pub fn of<R>(page: Page<R>, row: impl FnMut(R) -> Option<T>) -> Self {
        Self {
            data: page.data.into_iter().filter_map(row).collect(),
            next: page.next.map(write_cursor),
            total: page.total,
        }
    }
}

fn write_cursor(cursor: Cursor) -> String {
    URL_SAFE_NO_PAD.encode(cursor.0.to_be_bytes())
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(Cursor(i64::from_be_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_domain::OfferId;
    use proptest::prelude::*;

    fn query(text: &str) -> QueryString {
        QueryString::of(&format!("/api/v1/leads?{text}").parse().unwrap())
    }

    fn errors(result: Result<(), ApiError>) -> Vec<(String, String)> {
        match result {
            Err(ApiError::Invalid(errors)) => errors.into_iter().map(|e| (e.path, e.message)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_that_is_wrong_is_reported_at_once() {
        let mut q = query("offer=x&from=yesterday&colour=red&limit=0&sort=name&cursor=%21&offer=1");
        q.page();
        assert_eq!(q.id::<OfferId>("offer"), None);
        assert_eq!(q.time("from"), None);
        let paths: Vec<String> = errors(q.finish()).into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["sort", "limit", "cursor", "offer", "offer", "from", "colour"]);
    }

    #[test]
    fn a_code_that_is_none_is_told_with_those_that_there_are() {
        use crumb_domain::selling::ReturnState;
        let read = |q: &mut QueryString| q.one_of("state", ReturnState::ALL, ReturnState::as_str);
        let code = ReturnState::ALL.last().unwrap().as_str();
        assert_eq!(read(&mut query(&format!("state={code}"))), ReturnState::ALL.last().copied());
        assert_eq!(read(&mut query("")), None);
        let mut q = query("state=lost");
        assert_eq!(read(&mut q), None);
        let told = errors(q.finish()).pop().unwrap().1;
        assert!(told.starts_with("expected one of \"") && told.contains(&format!("\"{code}\"")), "{told}");
    }

    #[test]
    fn the_limit_is_one_to_a_thousand() {
        for (text, limit) in [("limit=1", 1), ("limit=1000", 1_000), ("", 100), ("limit=", 100)] {
            assert_eq!(query(text).page().limit, limit);
        }
        for wrong in ["limit=0", "limit=1001", "limit=-1", "limit=all"] {
            let mut q = query(wrong);
            q.page();
            assert_eq!(
                errors(q.finish()),
                [("limit".to_owned(), "expected a whole number from 1 to 1000".to_owned())]
            );
        }
    }

    #[test]
    fn lists_are_newest_first_unless_sorted_by_id() {
        assert!(!query("").page().ascending);
        assert!(!query("sort=-id").page().ascending);
        assert!(query("sort=id").page().ascending);
    }

    #[test]
    fn a_time_may_have_an_offset_whose_plus_was_not_escaped() {
        let expected = "2029-12-31T23:00:00Z".parse().ok();
        assert_eq!(query("from=2030-01-01T00:00:00%2B01:00").time("from"), expected);
        assert_eq!(query("from=2030-01-01T00:00:00+01:00").time("from"), expected);
    }

    /// Parameters that are known, with values that nearly are.
    fn named() -> impl Strategy<Value = String> {
        let names = vec!["sort", "limit", "cursor", "from", "offer", "affiliate", "request_id"];
        let value = prop_oneof!["[!-~]{0,20}", "[A-Za-z0-9_-]{0,20}", "-?[0-9]{0,20}", "[0-9:TZ. -]{0,25}"];
        let pair = (prop::sample::select(names), value).prop_map(|(name, value)| format!("{name}={value}"));
        prop::collection::vec(pair, 1..4).prop_map(|pairs| pairs.join("&"))
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(row in any::<i64>()) {
            prop_assert_eq!(read_cursor(&write_cursor(Cursor(row))), Some(Cursor(row)));
        }

        #[test]
        fn no_query_string_is_too_strange(text in prop_oneof!["[!-~]{0,60}", named()]) {
            if let Ok(uri) = format!("/x?{}", text.replace('#', "")).parse() {
                let mut q = QueryString::of(&uri);
                q.page();
                q.time("from");
                q.id::<OfferId>("offer");
                q.affiliate("affiliate");
                q.session("request_id", &RequestIdKey::new(&[7; 32]));
                let _ = q.finish();
            }
        }
    }
}
