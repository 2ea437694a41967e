//! A posting document for a terminal: Markdown.

use super::{Example, FieldDoc, Method, PostingDoc};
use std::fmt::Write as _;

/// One method of a document as Markdown text.
pub fn text(doc: &PostingDoc, method: Method) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, doc, method);
    out
}

fn write(out: &mut String, doc: &PostingDoc, method: Method) -> std::fmt::Result {
    let Some(post) = doc.method(method) else { return Ok(()) };
    writeln!(out, "# {} — {}\n", line(&doc.title), method.label())?;
    if let Some(notice) = &doc.notice {
        writeln!(out, "**{notice}**\n")?;
    }
    for (name, value) in &doc.facts {
        writeln!(out, "* {name}: {}", line(value))?;
    }
    writeln!(out, "\n{}\n\n    {} {}", post.summary, post.http_method, post.url)?;
    for (name, value) in &post.headers {
        writeln!(out, "    {name}: {value}")?;
    }
    writeln!(out, "\n## Control parameters (* = required)\n")?;
    for parameter in &post.controls {
        let value = parameter.value.as_deref().map(|value| format!(" = {}", line(value))).unwrap_or_default();
        writeln!(out, "* {}{}{value} — {}", parameter.name, star(parameter.required), parameter.description)?;
    }
    writeln!(out, "\n## Fields (* = required)\n")?;
    for field in &doc.fields {
        write_field(out, field, method)?;
    }
    section(out, "What must hold of a lead, else it is answered Unmatched Filter", &doc.conditions, false)?;
    section(out, "Step by step", &post.steps, true)?;
    examples(out, "Scripts", &post.scripts)?;
    examples(out, "Examples", &post.examples)?;
    examples(out, "Answers", &post.answers)?;
    if let Some(ping) = &post.ping {
        writeln!(out, "\n## Asking for the price first\n\n{}\n\n    GET or POST {}", ping.summary, ping.url)?;
        section(out, "How to ping", &ping.steps, false)?;
        examples(out, "Pings", &ping.examples)?;
        examples(out, "Answers to pings", &ping.answers)?;
    }
    section(out, "What an error can say, besides the fields' own texts", &post.problems, false)?;
    section(out, "Testing", &post.testing, false)
}

fn write_field(out: &mut String, field: &FieldDoc, method: Method) -> std::fmt::Result {
    let rules = field.rules.iter().map(|rule| line(rule)).collect::<Vec<_>>().join("; ");
    let (name, label) = (line(&field.name), line(&field.label));
    writeln!(out, "* {name}{} — {label}. {}: {rules}", star(field.required), field.type_name)?;
    if !field.values.is_empty() {
        let values = field.values.iter().map(|value| line(value)).collect::<Vec<_>>().join(" | ");
        writeln!(out, "  {values}")?;
    }
    if field.is_client_address() && method.is_browser() {
        writeln!(out, "  May be left out: the tracker takes the visitor's address.")?;
    }
    Ok(())
}

fn section(out: &mut String, title: &str, items: &[impl AsRef<str>], numbered: bool) -> std::fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n")?;
    for (number, item) in (1..).zip(items) {
        match numbered {
            true => writeln!(out, "{number}. {}", line(item.as_ref()))?,
            false => writeln!(out, "* {}", line(item.as_ref()))?,
        }
    }
    Ok(())
}

fn examples(out: &mut String, title: &str, examples: &[Example]) -> std::fmt::Result {
    if examples.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}")?;
    examples.iter().try_for_each(|one| example(out, one))
}

pub(crate) fn example(out: &mut String, example: &Example) -> std::fmt::Result {
    let fence = fence(&example.code);
    let (title, language) = (&example.title, example.language.as_str());
    let to_replace = example.to_replace().map(|words| format!("\n{words}\n")).unwrap_or_default();
    writeln!(out, "\n{title}\n{to_replace}\n{fence}{language}\n{}\n{fence}", example.code)
}

/// Longer than any run of backticks in the code, so that none ends the block.
fn fence(code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

fn star(required: bool) -> &'static str {
    if required { "*" } else { "" }
}

/// A value in one line, and without the control characters that steer a terminal.
pub(crate) fn line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
