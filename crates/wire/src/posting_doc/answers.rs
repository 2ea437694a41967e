//! Sample answers, made by what makes the real ones.

use super::{Example, FieldDoc, Language, Method};
use crate::answer::{AnswerForm, LeadReply, render};
use crumb_domain::outcome::Problem;
use crumb_domain::post::StoredAnswer;
use crumb_domain::{LeadId, Money};

/// A sample price: 25.00.
const PRICE: Money = Money::from_micros(25 * Money::MICROS_PER_UNIT);
const SAMPLE_LEAD: &str = "C8097F17";
const NEXT_PAGE: &str = "https://thanks.example/?a=1&b=2";

pub(super) fn answers(method: Method, fields: &[FieldDoc]) -> Vec<Example> {
    let mut cases = Vec::new();
    // It is of the right form; without one there would be no sample of a success.
    if let Ok(lead) = SAMPLE_LEAD.parse() {
        cases.extend(successes(method, lead));
    }
    if method == Method::BrowserHttp {
        cases.push((
            "A duplicate or unsold lead: the visitor is sent on all the same",
            problem(Problem::DuplicateLead),
        ));
        cases.push(("Another error of the whole lead: a page", problem(Problem::OfferExpired)));
    } else {
        cases.push(("An error", problem(Problem::DuplicateLead)));
    }
    cases.extend(
        several_errors(fields).map(|reply| ("Several errors: fields that are missing or wrong", reply)),
    );
    if method.is_session() {
        cases.push((
            "Empty or wrong request id, host-n-post offer: the lead is kept, not sold and not paid",
            problem(Problem::NoQualifiedBuyers),
        ));
    }
    let form = match method {
        Method::Server | Method::Session | Method::Xml => AnswerForm::Xml,
        Method::ServerJson | Method::SessionJson => AnswerForm::Json,
        Method::BrowserAjax => AnswerForm::Jsonp("callback".to_owned()),
        Method::BrowserHttp => AnswerForm::Redirect,
    };
    cases.into_iter().map(|(title, reply)| shown(title, &form, &render(&form, &reply))).collect()
}

fn successes(method: Method, lead: LeadId) -> Vec<(&'static str, LeadReply)> {
    let success = |price, redirect: Option<&str>| LeadReply::Success {
        lead,
        price,
        redirect: redirect.map(str::to_owned),
    };
    let mut cases = vec![
        ("Success", success(PRICE, None)),
        ("Success, with the page that the visitor goes on to", success(PRICE, Some(NEXT_PAGE))),
    ];
    if method.is_session() {
        cases.push((
            "Empty or wrong request id, hosted offer: the lead is kept, not sold and not paid",
            success(Money::ZERO, None),
        ));
    }
    cases
}

fn problem(problem: Problem) -> LeadReply {
    LeadReply::Problem { problem, redirect: Some(NEXT_PAGE.to_owned()) }
}

/// One missing field and another wrong one, as far as the vertical has such.
fn several_errors(fields: &[FieldDoc]) -> Option<LeadReply> {
    let missing = fields.iter().find(|field| field.required);
    let others = fields.iter().filter(|field| missing.is_none_or(|missing| missing.name != field.name));
    let wrong = others.clone().find(|field| field.required).or(others.clone().next());
    let text = |field: &FieldDoc, text: &str| (field.name.clone(), text.to_owned());
    (missing.is_some() || wrong.is_some()).then(|| LeadReply::Fields {
        missing: missing.iter().map(|field| text(field, &field.required_text)).collect(),
        wrong: wrong.iter().map(|field| text(field, &field.wrong_text)).collect(),
    })
}

fn shown(title: &str, form: &AnswerForm, answer: &StoredAnswer) -> Example {
    if let Some(location) = &answer.location {
        return Example::new(
            title,
            Language::Http,
            format!("HTTP/1.1 {} Found\nLocation: {location}", answer.status),
        );
    }
    let content = main_content(&answer.body).filter(|_| *form == AnswerForm::Redirect);
    if let Some(content) = content {
        let head = format!("HTTP/1.1 {} OK\nContent-Type: text/html; charset=utf-8", answer.status);
        return Example::new(title, Language::Http, format!("{head}\n\n{content}"));
    }
    let language = match form {
        AnswerForm::Xml => Language::Xml,
        AnswerForm::Json => Language::Json,
        AnswerForm::Jsonp(_) => Language::JavaScript,
        AnswerForm::Iframe | AnswerForm::Redirect => Language::Html,
    };
    Example::new(title, language, &*answer.body)
}

/// What a page says, without what it looks like.
fn main_content(page: &str) -> Option<&str> {
    let (_, content) = page.split_once("<main>")?;
    content.split_once("</main>").map(|(content, _)| content)
}
