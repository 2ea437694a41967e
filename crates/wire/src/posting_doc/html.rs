//! Examples for a page: forms, and the scripts that go with them.

use super::{Example, FieldDoc, Ids, Language, Method, quote};
use crate::generate::{head_script, request_id_script};
use crumb_domain::network::FieldType;

/// Where the off-site form's example posts to: the page owner's own server.
const OWN_SERVER: &str = "/your-own-server";
const REQUEST_ID_FIELD: &str = "<input type=\"hidden\" name=\"ckm_request_id\" value=\"\">";

/// The pieces of a page, one by one.
pub(super) fn scripts(method: Method, ids: &Ids) -> Vec<Example> {
    let pixel = Example::new("Click pixel, at the top of the body", Language::Html, ids.pixel());
    let hidden =
        Example::new("Hidden field, in the form with id=\"ckm_form\"", Language::Html, REQUEST_ID_FIELD);
    match method {
        Method::BrowserAjax => vec![
            Example::new(
                "In the head: jQuery (optional), d.js, and the request id from the click pixel or the page's address",
                Language::Html,
                head_script(&ids.base),
            ),
            pixel,
            hidden,
        ],
        Method::Session | Method::SessionJson | Method::BrowserHttp => vec![
            Example::new(
                "In the head: the request id from the click pixel or the page's address",
                Language::Html,
                request_id_script(),
            ),
            pixel,
            hidden,
        ],
        Method::Server | Method::ServerJson | Method::Xml => Vec::new(),
    }
}

pub(super) fn http_page(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let hidden = [hidden("ckm_offer_id", &ids.offer), hidden("ckm_test", "1")];
    let action = format!("{}/d.ashx", ids.base);
    Example::new("Page with a form", Language::Html, page("", "", &form(&action, &hidden, fields, true)))
}

pub(super) fn http_page_without_cookies(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let hidden = [
        hidden("ckm_offer_id", &ids.offer),
        REQUEST_ID_FIELD.to_owned(),
        hidden("ckm_bp", "1"),
        hidden("ckm_test", "1"),
    ];
    let form = form(&format!("{}/d.ashx", ids.base), &hidden, fields, true);
    Example::new(
        "The same where browsers keep no cookies: with the request id",
        Language::Html,
        page(&request_id_script(), &ids.pixel(), &form),
    )
}

pub(super) fn ajax_page(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let hidden = [hidden("ckm_offer_id", &ids.offer), REQUEST_ID_FIELD.to_owned(), hidden("ckm_test", "1")];
    // d.js says what is missing; the browser's own check would come before it.
    let form = form(&format!("{}/d.ashx", ids.base), &hidden, fields, false);
    Example::new("Page with a form", Language::Html, page(&head_script(&ids.base), &ids.pixel(), &form))
}

pub(super) fn session_page(ids: &Ids, fields: &[FieldDoc]) -> Example {
    let form = form(OWN_SERVER, &[REQUEST_ID_FIELD.to_owned()], fields, true);
    Example::new(
        "Page with a form that posts to your own server",
        Language::Html,
        page(&request_id_script(), &ids.pixel(), &form),
    )
}

fn page(head: &str, body_top: &str, form: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<title>Form</title>\n");
    for part in [head, "</head>\n<body>", body_top, form, "</body>\n</html>"] {
        if !part.is_empty() {
            page.push_str(part);
            page.push('\n');
        }
    }
    page
}

fn form(action: &str, hidden: &[String], fields: &[FieldDoc], browser_checks: bool) -> String {
    let mut form = format!("<form id=\"ckm_form\" action=\"{}\" method=\"post\">\n", quote::html(action));
    for input in hidden {
        form.push_str(&format!("  {input}\n"));
    }
    // The tracker, or the page's own server, knows the visitor's address itself.
    for field in fields.iter().filter(|field| !field.is_client_address()) {
        let label = quote::html(&field.label);
        form.push_str(&format!("  <p><label>{label}<br>{}</label></p>\n", input(field, browser_checks)));
    }
    form.push_str("  <p><input type=\"submit\" value=\"Send\"></p>\n</form>");
    form
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", quote::html(name), quote::html(value))
}

fn input(field: &FieldDoc, browser_checks: bool) -> String {
    let name = quote::html(&field.name);
    let required = if field.required && browser_checks { " required" } else { "" };
    match field.field_type {
        FieldType::List => {
            let listed = field.values.iter();
            // What is left out, or for the reader to replace, is no listed value.
            let other = (!field.values.contains(&field.sample)).then_some(&field.sample);
            let options =
                other.into_iter().chain(listed).map(|value| option(value, value, *value == field.sample));
            format!("<select name=\"{name}\"{required}>{}</select>", options.collect::<String>())
        }
        FieldType::Bool => format!("<select name=\"{name}\"{required}>{}</select>", yes_or_no(&field.sample)),
        _ => format!(
            "<input type=\"{}\" name=\"{name}\" value=\"{}\" maxlength=\"{}\"{required}>",
            input_type(field),
            quote::html(&field.sample),
            field.max_length
        ),
    }
}

/// Yes and no in the words of the sample, since a pattern may take no others.
fn yes_or_no(sample: &str) -> String {
    const WORDS: [(&str, &str); 4] = [("1", "0"), ("true", "false"), ("yes", "no"), ("on", "off")];
    let words = WORDS.into_iter().find(|(yes, no)| [*yes, *no].contains(&sample));
    let other = if words.is_none() { option(sample, sample, true) } else { String::new() };
    let (yes, no) = words.unwrap_or(("1", "0"));
    other + &option(yes, "Yes", yes == sample) + &option(no, "No", no == sample)
}

fn option(value: &str, label: &str, selected: bool) -> String {
    let selected = if selected { " selected" } else { "" };
    format!("<option value=\"{}\"{selected}>{}</option>", quote::html(value), quote::html(label))
}

/// Types that change what a browser sends are used only where it sends the same.
fn input_type(field: &FieldDoc) -> &'static str {
    let is_iso = field.sample.split('-').map(str::len).eq([4, 2, 2]);
    match field.field_type {
        FieldType::Email => "email",
        FieldType::Phone => "tel",
        FieldType::Date if is_iso => "date",
        _ => "text",
    }
}
