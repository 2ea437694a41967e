//! A delivery method, compiled: what a buyer is sent, and how its answer is read.
//!
//! All templates, maps, formats and patterns are compiled once, when the
//! configuration is taken up. A ping has a method of its own and so sends what that
//! one lists, and nothing else of the lead.

mod link;
mod payload;
mod secrets;
mod template;
#[cfg(test)]
mod tests;
mod values;

pub use values::STANDARD_TOKENS;

use crate::error::{CompileError, Faults, RenderError};
use crate::mail::{Mail, is_address};
use crate::mask::{MASK, Masker};
use crate::outbound::{OutboundRequest, Target};
use crate::reading::AnswerReader;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crumb_domain::fields::FieldRules;
use crumb_domain::network::{BodyMethod, DeliveryAuth, DeliveryMethod};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method};
use link::LinkTemplate;
use payload::Payload;
use secrets::Secrets;
use std::time::Duration;
use template::{Language, Template};
use values::ValueRules;

/// A post's time where its method names none.
pub const DEFAULT_POST_TIMEOUT: Duration = Duration::from_secs(10);
/// A ping's time where its method names none.
pub const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(2);

/// What a delivery method is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Asking for a price.
    Ping,
    /// Sending the lead.
    Post,
}

/// Whether what a method sends says nothing of the lead: no parameter or body, and no token in
/// its address or its headers, or in a mail's own subject. What is sent then is the same for
/// each lead, and nearly always forgotten to be written.
pub fn says_nothing(method: &DeliveryMethod) -> bool {
    let has_token = |text: &str| Template::compile(text, Language::Plain).names().next().is_some();
    let headers = method.headers.values().map(|value| value.expose());
    let all = headers.chain(method.url.as_deref()).chain(method.subject.as_deref());
    method.params.is_empty() && method.body.is_none() && !all.into_iter().any(has_token)
}

/// Looks a token's value up: lower-cased name to the lead's own value, before maps
/// and formats. `None` where the lead has none; names are those of the vertical's
/// fields and [`STANDARD_TOKENS`].
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A compiled delivery method.
#[derive(Debug)]
pub struct DeliveryPlan {
    method: BodyMethod,
    link: Option<LinkTemplate>,
    status_link: Option<LinkTemplate>,
    headers: Vec<(HeaderName, Template)>,
    authorization: Option<HeaderValue>,
    payload: Payload,
    /// `email`: to whom and about what.
    recipients: Vec<Template>,
    subject: Template,
    is_html: bool,
    values: ValueRules,
    reader: AnswerReader,
    masker: Masker,
    timeout: Duration,
}

/// A lead, written for a buyer.
pub struct Outgoing {
    /// In what form it goes.
    pub parcel: Parcel,
    /// What is kept of it, with its secrets masked.
    pub kept: Vec<u8>,
}

/// What goes out.
pub enum Parcel {
    /// A request.
    Http(OutboundRequest),
    /// A mail.
    Mail(Mail),
}

impl DeliveryPlan {
    /// Compiles a method. `fields` are the vertical's, whose names are tokens; `env`
    /// looks variables up, for secrets that are kept there (`env:NAME`).
    ///
    /// # Errors
    /// The first fault.
    pub fn compile(
        method: &DeliveryMethod,
        fields: &FieldRules,
        purpose: Purpose,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CompileError> {
        let mut faults = Faults::default();
        let plan = Self::compile_noting(method, fields, purpose, env, &mut faults);
        faults.or(plan)
    }

    /// All that keeps a method from being compiled, for the person who wrote it.
    pub fn faults(
        method: &DeliveryMethod,
        fields: &FieldRules,
        purpose: Purpose,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<CompileError> {
        let mut faults = Faults::default();
        Self::compile_noting(method, fields, purpose, env, &mut faults);
        faults.into_all()
    }

    /// A plan of what has no fault.
    fn compile_noting(
        method: &DeliveryMethod,
        fields: &FieldRules,
        purpose: Purpose,
        env: &dyn Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Self {
        let mut secrets = Secrets::default();
        if method.url.is_none() && method.method != BodyMethod::Email {
            faults.note("url", "required");
        }
        let link = compile_link(method.url.as_deref(), "url", &mut secrets, faults);
        let status_link = compile_link(method.status_url.as_deref(), "status_url", &mut secrets, faults);
        let headers = compile_headers(method, env, &mut secrets, faults);
        let authorization = faults.keep(compile_auth(method, env, &mut secrets)).flatten();
        let params = resolve_params(method, env, &mut secrets, faults);
        secrets.payload(method);
        let content_type = header_text(&headers, &CONTENT_TYPE);
        let is_html = content_type.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("html"));
        let body = method.body.as_deref();
        let payload = Payload::compile(method.method, &params, body, content_type.as_deref(), faults);
        let default_timeout = match purpose {
            Purpose::Ping => DEFAULT_PING_TIMEOUT,
            Purpose::Post => DEFAULT_POST_TIMEOUT,
        };
        Self {
            method: method.method,
            link,
            status_link,
            headers,
            authorization,
            payload,
            recipients: compile_recipients(method, faults),
            subject: Template::compile(
                method.subject.as_deref().unwrap_or("Lead #leadid#"),
                Language::Header,
            ),
            is_html,
            values: ValueRules::compile(method, fields, faults),
            reader: AnswerReader::compile_noting(method, purpose, faults),
            masker: faults.keep(secrets.masker()).unwrap_or_default(),
            timeout: method.timeout_ms.map_or(default_timeout, |ms| Duration::from_millis(ms.into())),
        }
    }

    /// How long one attempt may take, from the look-up to the answer's end.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The answer's patterns.
    pub fn reader(&self) -> &AnswerReader {
        &self.reader
    }

    /// The method's secrets.
    pub fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Whether the relay's acceptance is the buyer's.
    pub fn is_mail(&self) -> bool {
        self.method == BodyMethod::Email
    }

    /// Whether the buyer can be asked what became of a lead.
    pub fn has_status_url(&self) -> bool {
        self.status_link.is_some()
    }

    /// Names of tokens that are neither a field nor a standard token, in lower case:
    /// they go out as they are written, which nobody means.
    pub fn unknown_tokens(&self) -> Vec<String> {
        let links = self.link.iter().chain(&self.status_link).flat_map(LinkTemplate::templates);
        let headers = self.headers.iter().map(|(_, value)| value);
        let mail = self.recipients.iter().chain(self.is_mail().then_some(&self.subject));
        let all = self.payload.templates().chain(links).chain(headers).chain(mail);
        payload::unknown(all, &self.values)
    }

    /// Where leads go, as it is written: the method and its address, of which no token is
    /// replaced, without credentials and with its secrets masked. A mail's relay is not the
    /// buyer's.
    pub fn target(&self) -> Vec<u8> {
        let text = match &self.link {
            Some(link) if !self.is_mail() => {
                let method = if self.method == BodyMethod::Get { Method::GET } else { Method::POST };
                format!("{method} {}", link.text())
            }
            _ => "mail".to_owned(),
        };
        self.masker.kept(text.as_bytes())
    }

    /// Writes a lead.
    pub fn render(&self, lookup: Lookup<'_>) -> Result<Outgoing, RenderError> {
        let value = |name: &str| self.values.value(name, lookup(name));
        let payload = self.payload.render(self.method, &value);
        let Some(link) = self.link.as_ref().filter(|_| !self.is_mail()) else {
            return Ok(self.mail(&value, payload));
        };
        if self.method == BodyMethod::Get {
            let target = link.render(&value, &payload)?;
            self.request(Method::GET, target, &value, String::new())
        } else {
            let target = link.render(&value, "")?;
            self.request(Method::POST, target, &value, payload)
        }
    }

    /// Writes the question what became of a lead; `None` where the buyer has no
    /// address for it. The method's headers and credentials go with it.
    pub fn render_status(&self, lookup: Lookup<'_>) -> Option<Result<Outgoing, RenderError>> {
        let link = self.status_link.as_ref()?;
        let value = |name: &str| self.values.value(name, lookup(name));
        let target = link.render(&value, "");
        Some(target.and_then(|target| self.request(Method::GET, target, &value, String::new())))
    }

    fn request(
        &self,
        method: Method,
        target: Target,
        value: payload::Value<'_>,
        body: String,
    ) -> Result<Outgoing, RenderError> {
        let mut headers = self.own_headers(&method);
        let own = headers.len();
        for (name, template) in &self.headers {
            let text = template.render(value);
            let header = HeaderValue::try_from(text.trim())
                .map_err(|_| RenderError(format!("the header {name} has no valid value")))?;
            headers.push((name.clone(), header));
        }
        let from_link = target.user_info.as_ref().map(|(user, password)| format!("{user}:{password}"));
        let from_link = from_link.and_then(|credentials| basic(&credentials).ok());
        if let Some(authorization) = self.authorization.clone().or(from_link)
            && !self.headers.iter().any(|(name, _)| name == AUTHORIZATION)
        {
            headers.push((AUTHORIZATION, authorization));
        }
        let kept = self.kept_request(&method, &target, &headers, own, &body);
        let parcel = Parcel::Http(OutboundRequest { method, target, headers, body: Bytes::from(body) });
        Ok(Outgoing { parcel, kept })
    }

    /// The headers that a request has unless they are configured. Without a name or
    /// an `Accept`, some firewalls in front of buyers turn a client away.
    fn own_headers(&self, method: &Method) -> Vec<(HeaderName, HeaderValue)> {
        let content_type = payload::default_content_type(self.method).filter(|_| *method != Method::GET);
        [(USER_AGENT, Some("Crumb")), (ACCEPT, Some("*/*")), (CONTENT_TYPE, content_type)]
            .into_iter()
            .filter(|(name, _)| self.headers.iter().all(|(configured, _)| configured != name))
            .filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))))
            .collect()
    }

    /// The request as text, with all configured header values masked, whatever they
    /// are: what looks harmless may be a key. The first `own` headers are ours.
    fn kept_request(
        &self,
        method: &Method,
        target: &Target,
        headers: &[(HeaderName, HeaderValue)],
        own: usize,
        body: &str,
    ) -> Vec<u8> {
        let scheme = if target.is_https { "https" } else { "http" };
        let mut text = format!("{method} {scheme}://{}{}\r\n", target.authority(), target.path_and_query);
        for (at, (name, value)) in headers.iter().enumerate() {
            let shown = if at < own { value.to_str().unwrap_or(MASK) } else { MASK };
            text.extend([title_case(name.as_str()).as_str(), ": ", shown, "\r\n"]);
        }
        text.extend(["\r\n", body]);
        self.masker.kept(text.as_bytes())
    }

    fn mail(&self, value: payload::Value<'_>, body: String) -> Outgoing {
        let to: Vec<String> = self.recipients.iter().map(|to| to.render(value)).collect();
        let subject = self.subject.render(value);
        let text = format!("To: {}\r\nSubject: {subject}\r\n\r\n{body}", to.join(", "));
        let kept = self.masker.kept(text.as_bytes());
        Outgoing { parcel: Parcel::Mail(Mail { to, subject, body, is_html: self.is_html, id: None }), kept }
    }
}

fn compile_link(
    text: Option<&str>,
    place: &str,
    secrets: &mut Secrets,
    faults: &mut Faults,
) -> Option<LinkTemplate> {
    let text = text?;
    let link = faults.keep(LinkTemplate::compile(text, place))?;
    secrets.link(&link, text);
    Some(link)
}

/// To whom a mail goes: addresses, or templates that become ones.
fn compile_recipients(method: &DeliveryMethod, faults: &mut Faults) -> Vec<Template> {
    let is_mail = method.method == BodyMethod::Email;
    let Some(to) = &method.to else {
        if is_mail {
            faults.note("to", "required for email");
        }
        return Vec::new();
    };
    let mut compile = |to: &str| {
        let recipient = Template::compile(to, Language::Header);
        let is_fixed = recipient.names().next().is_none();
        if is_mail && is_fixed && !is_address(to) {
            faults.note("to", format!("\"{to}\" is no e-mail address"));
        }
        recipient
    };
    to.split(',').map(|to| compile(to.trim())).collect()
}

fn compile_headers(
    method: &DeliveryMethod,
    env: &dyn Fn(&str) -> Option<String>,
    secrets: &mut Secrets,
    faults: &mut Faults,
) -> Vec<(HeaderName, Template)> {
    let mut compile = |(name, value): (&String, &crumb_domain::network::Secret)| {
        let place = format!("headers.{name}");
        let value = secrets::resolve(value.expose(), &place, env)?;
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| CompileError::new(&place, "is no header name"))?;
        if value.chars().any(char::is_control) {
            return Err(CompileError::new(place, "its value has control characters"));
        }
        let value = Template::compile(&value, Language::Header);
        secrets.header(name.as_str(), &value);
        Ok((name, value))
    };
    method.headers.iter().filter_map(|header| faults.keep(compile(header))).collect()
}

fn compile_auth(
    method: &DeliveryMethod,
    env: &dyn Fn(&str) -> Option<String>,
    secrets: &mut Secrets,
) -> Result<Option<HeaderValue>, CompileError> {
    let (secret, is_basic) = match &method.auth {
        None => return Ok(None),
        Some(DeliveryAuth::Basic(secret)) => (secret, true),
        Some(DeliveryAuth::Bearer(secret)) => (secret, false),
    };
    let value = secrets::resolve(secret.expose(), "auth", env)?;
    let header = if is_basic {
        if !value.contains(':') {
            return Err(CompileError::new("auth", "basic is \"user:password\", and this has no colon"));
        }
        secrets.basic(&value);
        basic(&value)
    } else {
        secrets.add(value.as_str());
        HeaderValue::try_from(format!("Bearer {value}"))
    };
    header.map(Some).map_err(|_| CompileError::new("auth", "has control characters"))
}

fn basic(user_and_password: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user_and_password)))
}

/// The parameters, with those that are `env:NAME` looked up.
fn resolve_params(
    method: &DeliveryMethod,
    env: &dyn Fn(&str) -> Option<String>,
    secrets: &mut Secrets,
    faults: &mut Faults,
) -> Vec<(String, String)> {
    let mut resolve = |(at, (name, text)): (usize, &(String, String))| {
        let value = secrets::resolve(text, &format!("params[{at}]"), env)?;
        if value != *text {
            secrets.add(value.as_str());
        }
        Ok((name.clone(), value))
    };
    method.params.iter().enumerate().filter_map(|param| faults.keep(resolve(param))).collect()
}

fn header_text(headers: &[(HeaderName, Template)], name: &HeaderName) -> Option<String> {
    let (_, template) = headers.iter().find(|(configured, _)| configured == name)?;
    Some(template.texts().collect())
}

/// `x-api-key` as it goes out: `X-Api-Key`.
fn title_case(name: &str) -> String {
    let mut begins = true;
    let letters = name.chars().map(|letter| {
        let letter = if begins { letter.to_ascii_uppercase() } else { letter };
        begins = letter == '-';
        letter
    });
    letters.collect()
}
