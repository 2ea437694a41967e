//! A document on pixels for a terminal: Markdown.

use super::{PixelDoc, Section};
use crate::posting_doc::text::{example, line};
use std::fmt::Write as _;

/// The document as Markdown text.
pub fn text(doc: &PixelDoc) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, doc);
    out
}

fn write(out: &mut String, doc: &PixelDoc) -> std::fmt::Result {
    writeln!(out, "# {} — pixels and direct linking\n", line(&doc.title))?;
    for (name, value) in &doc.facts {
        writeln!(out, "* {name}: {}", line(value))?;
    }
    doc.sections.iter().try_for_each(|part| write_section(out, part))
}

fn write_section(out: &mut String, part: &Section) -> std::fmt::Result {
    writeln!(out, "\n## {}", part.title)?;
    for words in &part.words {
        writeln!(out, "\n{}", line(words))?;
    }
    if !part.steps.is_empty() || !part.parameters.is_empty() {
        writeln!(out)?;
    }
    for (number, step) in (1..).zip(&part.steps) {
        writeln!(out, "{number}. {}", line(step))?;
    }
    for parameter in &part.parameters {
        writeln!(out, "* {} — {}", parameter.name, parameter.description)?;
    }
    part.examples.iter().try_for_each(|one| example(out, one))
}
