//! Examples for a shell: a post by `curl`.

use super::{Example, FieldDoc, Ids, Language, quote};
use crate::percent::encode;

/// Gets a request id to post with: a test click, by the click pixel.
fn test_click(ids: &Ids) -> String {
    let click = test_click_of(&ids.link("-1"));
    format!("# A test click, to have a request id. On a real page it comes with the form.\n{click}\n\n")
}

/// Puts the request id of a test link's click into the variable of that name.
pub(crate) fn test_click_of(test_link: &str) -> String {
    let pixel = quote::shell(&format!("{test_link}&cp=js"));
    format!("REQUEST_ID=$(curl --silent {pixel} | sed -n 's/^.*var ckm_request_id = \\([0-9]*\\);.*$/\\1/p')")
}

fn server_controls(ids: &Ids) -> Vec<(String, String)> {
    pairs(&[("ckm_campaign_id", &ids.campaign), ("ckm_key", &ids.key), ("ckm_test", "1")])
}

pub(super) fn server(ids: &Ids, fields: &[FieldDoc]) -> Vec<Example> {
    let all: Vec<_> = server_controls(ids).into_iter().chain(values(fields)).collect();
    let query: Vec<_> =
        all.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let address = quote::shell(&format!("{}/d.ashx?{}", ids.base, query.join("&")));
    vec![
        Example::new("Post with curl", Language::Shell, form_post(ids, &all, None)),
        Example::new("The same as one address", Language::Shell, format!("curl {address}")),
    ]
}

fn session_controls(ids: &Ids) -> Vec<(String, String)> {
    pairs(&[("ckm_offer_id", &ids.offer), ("ckm_test", "1")])
}

pub(super) fn session(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let all: Vec<_> = session_controls(ids).into_iter().chain(values(fields)).collect();
    let code = test_click(ids) + &form_post(ids, &all, Some("\"ckm_request_id=$REQUEST_ID\""));
    Example::new("What your own server then does, with curl", Language::Shell, code)
}

pub(super) fn server_json(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let all: Vec<_> = server_controls(ids).into_iter().chain(values(fields)).collect();
    Example::new("Post with curl", Language::Shell, json_post(ids, &all, None))
}

pub(super) fn session_json(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let all: Vec<_> = session_controls(ids).into_iter().chain(values(fields)).collect();
    // The variable stands between two single-quoted pieces of the one word.
    let code = test_click(ids) + &json_post(ids, &all, Some("\"'\"$REQUEST_ID\"'\""));
    Example::new("Post with curl", Language::Shell, code)
}

pub(super) fn xml(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let (elements, others): (Vec<_>, Vec<_>) = values(fields).partition(|(name, _)| is_xml_name(name));
    let mut address = ids.xml_address() + "&ckm_test=1";
    // A name that no element can have is read from the address as well.
    for (name, value) in others {
        address.push_str(&format!("&{}={}", encode(&name), encode(&value)));
    }
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<lead>\n");
    for (name, value) in elements {
        body.push_str(&format!("  <{name}>{}</{name}>\n", quote::xml(&value)));
    }
    body.push_str("</lead>");
    let code = format!(
        "curl --request POST {} \\\n  --header 'Content-Type: text/xml; charset=utf-8' \\\n  --data-raw {}",
        quote::shell(&address),
        quote::shell(&body)
    );
    Example::new("Post with curl", Language::Shell, code)
}

/// A ping, and a ping with the post that follows it.
pub(super) fn ping(ids: &Ids, fields: &[FieldDoc], is_json: bool) -> Vec<Example> {
    let open = fields.iter().filter(|field| !field.is_personal);
    let pinged: Vec<_> = server_controls(ids).into_iter().chain(values(open)).collect();
    let posted: Vec<_> = server_controls(ids).into_iter().chain(values(fields)).collect();
    let (ping, post, id) = if is_json {
        (
            json_to(ids, "ping.ashx", &pinged, &[]),
            json_to(ids, "d.ashx", &posted, &[("ckm_ping_id", "\"'\"$PING_ID\"'\"")]),
            r#"s/^.*"pingid":"\([A-Z0-9]*\)".*$/\1/p"#,
        )
    } else {
        (
            form_to(ids, "ping.ashx", &pinged, None),
            form_to(ids, "d.ashx", &posted, Some("\"ckm_ping_id=$PING_ID\"")),
            r"s/^.*<pingid>\([A-Z0-9]*\)<.*$/\1/p",
        )
    };
    let silent = ping.replacen("curl ", "curl --silent ", 1);
    let both = format!(
        "# The ping: nothing that names the person.\nPING_ID=$({silent} \\\n  | sed -n '{id}')\n\n\
         # The post, within {}: the same values, and all others.\n{post}",
        super::ping::life(ids.pings)
    );
    vec![
        Example::new("Ping with curl", Language::Shell, ping),
        Example::new("Ping, then post at that price", Language::Shell, both),
    ]
}

fn form_post(ids: &Ids, pairs: &[(String, String)], first: Option<&str>) -> String {
    form_to(ids, "d.ashx", pairs, first)
}

fn form_to(ids: &Ids, path: &str, pairs: &[(String, String)], first: Option<&str>) -> String {
    let mut code = format!("curl --request POST {}", quote::shell(&format!("{}/{path}", ids.base)));
    if let Some(word) = first {
        code.push_str(&format!(" \\\n  --data-urlencode {word}"));
    }
    for (name, value) in pairs {
        // curl encodes what stands behind the first equals sign only.
        code.push_str(&format!(
            " \\\n  --data-urlencode {}",
            quote::shell(&format!("{}={value}", encode(name)))
        ));
    }
    code
}

/// `request_id` is a shell word's piece that stands for the JSON value.
fn json_post(ids: &Ids, pairs: &[(String, String)], request_id: Option<&str>) -> String {
    let first: Vec<_> = request_id.map(|piece| ("ckm_request_id", piece)).into_iter().collect();
    json_to(ids, "d.ashx", pairs, &first)
}

/// `first` are names with pieces of the shell word that stand for their JSON values.
fn json_to(ids: &Ids, path: &str, pairs: &[(String, String)], first: &[(&str, &str)]) -> String {
    // A quote in a value must not end the single-quoted word; the quotes that
    // are added around the request id must.
    let text = |value: &str| serde_json::Value::from(value).to_string().replace('\'', r"'\''");
    let mut lines: Vec<String> =
        first.iter().map(|(name, piece)| format!("    \"{name}\": {piece}")).collect();
    lines.extend(pairs.iter().map(|(name, value)| format!("    {}: {}", text(name), text(value))));
    format!(
        "curl --request POST {} \\\n  --header 'Content-Type: application/json' \\\n  \
         --header 'Accept: application/json' \\\n  --data-raw '{{\n{}\n  }}'",
        quote::shell(&format!("{}/{path}", ids.base)),
        lines.join(",\n")
    )
}

/// Every field with its sample; what has none is left out.
fn values<'f>(fields: impl IntoIterator<Item = &'f FieldDoc>) -> impl Iterator<Item = (String, String)> {
    let known = fields.into_iter().filter(|field| !field.sample.is_empty());
    known.map(|field| (field.name.clone(), field.sample.clone()))
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Names of ASCII that an element can have; all fields that people name are such.
fn is_xml_name(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    let goes_on = |c: char| starts(c) || c.is_ascii_digit() || c == '-' || c == '.';
    name.starts_with(starts) && name.chars().all(goes_on) && !name.to_ascii_lowercase().starts_with("xml")
}
