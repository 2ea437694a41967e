//! A posting document as one self-contained page: it loads nothing, works without
//! scripts, and prints.

use super::NoDocument;
use crumb_wire::posting_doc::{
    Example, FieldDoc, Method, MethodDoc, Parameter, PingDoc, PostingDoc, UnknownMethod,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::str::FromStr;

const STYLE: &str = include_str!("page.css");
/// The page's only script, which a content security policy names by its hash.
pub(super) const SCRIPT: &str = include_str!("page.js");
const ALL: &str = "all";

/// What of a document is shown and printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// One method.
    One(Method),
    /// All of them, one after another.
    All,
}

impl Default for Shown {
    fn default() -> Self {
        Self::One(Method::Server)
    }
}

impl From<Method> for Shown {
    fn from(method: Method) -> Self {
        Self::One(method)
    }
}

impl FromStr for Shown {
    type Err = UnknownMethod;

    /// A method's name, or `all`.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        if text.eq_ignore_ascii_case(ALL) { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

impl Shown {
    fn shows(self, method: Method) -> bool {
        self == Self::All || self == Self::One(method)
    }
}

/// The page, with a method (or all) chosen. All methods are in it, so that the
/// drop-down needs no server where scripts run.
pub fn page(doc: &PostingDoc, chosen: impl Into<Shown>) -> String {
    let chosen = chosen.into();
    let body = html! {
        header {
            div { p { "Posting document" } h1 { (doc.title) } }
            (choice(chosen))
        }
        @if let Some(notice) = &doc.notice { p class="notice" { (notice) } }
        dl { @for (name, value) in &doc.facts { dt { (name) } dd { (value) } } }
        @for method in &doc.methods { (section(doc, method, chosen)) }
    };
    headed(&format!("Posting document: {}", doc.title), &body)
}

/// The page of a document that is no more: of an offer that takes no leads.
pub(super) fn refusal(why: &NoDocument) -> String {
    let said = why.to_string();
    let body = html! {
        header {
            div { p { "Posting document" } h1 { "No leads are posted for this offer" } }
            // Without a choice: the script puts its button to print here.
            form id="choice" {}
        }
        p { (said) "." }
        p { "Leads that are posted for it are answered Inactive Offer. Ask for the page on pixels." }
    };
    headed("Posting document: no leads are posted for this offer", &body)
}

/// A page with all that it needs in it.
pub(super) fn headed(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// The drop-down; without scripts its button asks the server.
fn choice(chosen: Shown) -> Markup {
    html! {
        form id="choice" method="get" {
            label {
                "Posting method"
                select name="method" {
                    @for method in Method::ALL {
                        option value=(method.as_str()) selected[chosen == Shown::One(method)] { (method.label()) }
                    }
                    option value=(ALL) selected[chosen == Shown::All] { "All methods" }
                }
            }
            button id="show" type="submit" { "Show" }
        }
    }
}

fn section(doc: &PostingDoc, post: &MethodDoc, chosen: Shown) -> Markup {
    html! {
        section id=(post.method) data-method=(post.method) hidden[!chosen.shows(post.method)] {
            h2 { (post.method.label()) }
            p { (prose(&post.summary)) }
            div class="request" {
                code { strong { (post.http_method) } " " (post.url) }
                @for (name, value) in &post.headers { code { (name) ": " (value) } }
            }
            h3 { "Control parameters" }
            (controls(&post.controls))
            h3 { "Fields" }
            (fields(&doc.fields, post.method))
            @if !doc.conditions.is_empty() {
                p { "All of this must hold of a lead, else it is answered Unmatched Filter:" }
                ul { @for condition in &doc.conditions { li { (prose(condition)) } } }
            }
            @if !post.steps.is_empty() {
                h3 { "Step by step" }
                ol { @for step in &post.steps { li { (prose(step)) } } }
            }
            (examples("Scripts to paste", &post.scripts))
            (examples("Complete examples", &post.examples))
            (examples("Sample answers", &post.answers))
            @if let Some(asked) = &post.ping { (ping(asked)) }
            h3 { "What an error can say" }
            p { "Besides the fields' own texts:" }
            ul class="texts" { @for problem in &post.problems { li { (problem) } } }
            h3 { "Testing" }
            ul { @for line in &post.testing { li { (prose(line)) } } }
        }
    }
}

fn ping(ping: &PingDoc) -> Markup {
    html! {
        h3 { "Asking for the price first" }
        p { (prose(&ping.summary)) }
        div class="request" { code { strong { "GET or POST" } " " (ping.url) } }
        ul { @for step in &ping.steps { li { (prose(step)) } } }
        (examples("Complete examples of pings", &ping.examples))
        (examples("Sample answers to pings", &ping.answers))
    }
}

fn controls(controls: &[Parameter]) -> Markup {
    html! {
        table {
            thead { tr { th { "Parameter" } th { "Value" } th { "Meaning" } } }
            tbody {
                @for parameter in controls {
                    tr {
                        td { code { (parameter.name) } (mark(parameter.required)) }
                        td data-head="Value" { @if let Some(value) = &parameter.value { code { (value) } } }
                        td { (prose(parameter.description)) }
                    }
                }
            }
        }
    }
}

/// What a call can say, where nothing has a fixed value.
pub(super) fn parameters(parameters: &[Parameter]) -> Markup {
    html! {
        table {
            thead { tr { th { "Parameter" } th { "Meaning" } } }
            tbody {
                @for parameter in parameters {
                    tr {
                        td { @for (index, name) in parameter.name.split(", ").enumerate() {
                            @if index > 0 { " " } code { (name) }
                        } }
                        td { (prose(parameter.description)) }
                    }
                }
            }
        }
    }
}

fn fields(fields: &[FieldDoc], method: Method) -> Markup {
    html! {
        table {
            thead { tr { th { "Parameter" } th { "Field" } th { "Type" } th { "Rules" } } }
            tbody {
                @for field in fields {
                    tr {
                        td { code { (field.name) } (mark(field.required)) }
                        td { (field.label) }
                        td data-head="Type" { (field.type_name) }
                        td data-head="Rules" {
                            ul {
                                @for rule in &field.rules { li { (rule) } }
                                @if !field.values.is_empty() {
                                    li { @for (index, value) in field.values.iter().enumerate() {
                                        @if index > 0 { " · " } code { (value) }
                                    } }
                                }
                                @if field.is_client_address() && method.is_browser() {
                                    li { "may be left out: the tracker takes the visitor's address" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn examples(title: &str, examples: &[Example]) -> Markup {
    html! { @if !examples.is_empty() { h3 { (title) } (boxes(examples)) } }
}

/// Something to copy, each in a box of its own.
pub(super) fn boxes(examples: &[Example]) -> Markup {
    html! {
        @for example in examples {
            div class="code" {
                h4 { (example.title) }
                @if let Some(words) = example.to_replace() { p class="replace" { (prose(&words)) } }
                pre tabindex="0" { code { (example.code) } }
            }
        }
    }
}

/// Words in which what is to be typed stands between back quotes, as in Markdown.
pub(super) fn prose(words: &str) -> Markup {
    html! {
        @for (index, part) in words.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// In words as well: a lone star is looked for in vain on a phone and on paper.
fn mark(required: bool) -> Markup {
    html! { @if required { " " span class="required" { "* required" } } }
}
