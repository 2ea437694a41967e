//! Calls from an advertiser's server: how they are believed, what they are answered, and
//! how to try them.

use super::{Section, Subject};
use crate::posting_doc::curl::test_click_of;
use crate::posting_doc::{Example, Language, quote};
use crumb_domain::pixel::SIGNATURE_SECONDS;

/// What an offer asks of calls before it believes them.
pub(super) fn authenticity(subject: &Subject<'_>) -> Section {
    let offer = subject.offer;
    let mut words = Vec::new();
    if offer.trusted_only {
        words.push(
            "Anybody can fire a pixel that stands in a page. On this offer images, scripts and frames count only where \
             they meet what is asked of calls with `f=pb`."
                .to_owned(),
        );
        if offer.allowed_ips.is_empty() && offer.postback_secret.is_none() {
            words.push(
                "It takes no calls now. Ask the network for a secret, or to list your servers' addresses."
                    .to_owned(),
            );
            return Section { title: "Who may call", words, ..Section::default() };
        }
    }
    if offer.allowed_ips.is_empty() {
        words.push("This offer takes calls with `f=pb` from any address.".to_owned());
    } else {
        let listed: Vec<String> = offer.allowed_ips.iter().map(ToString::to_string).collect();
        words.push(format!(
            "This offer takes calls with `f=pb` from these addresses only: {}. From anywhere else they are answered \
             Not Whitelisted.",
            listed.join(", ")
        ));
    }
    if offer.postback_secret.is_none() {
        words.push(
            "Calls need no signature. Ask the network for a secret if you want to sign them.".to_owned(),
        );
        return Section { title: "Who may call", words, ..Section::default() };
    }
    words.push(format!(
        "Calls with `f=pb` must be signed with the secret that the network gave you, else they are answered Invalid \
         Signature. A signature holds {} minutes before and after `ts`, and the same signed call counts once.",
        SIGNATURE_SECONDS / 60
    ));
    Section {
        title: "Who may call, and how to sign",
        words,
        steps: vec![
            "Add `ts`, the present second since 1970.".to_owned(),
            "Sort the parameters by name, in the order of their bytes; names are lower-case.".to_owned(),
            "Write each as `name=value`, with everything in the value but letters, digits, `-`, `.`, `_` and `~` \
             percent-encoded as UTF-8 (a space is `%20`), and put `&` between them. That is the canonical text."
                .to_owned(),
            "`sig` is the HMAC-SHA-256 of the canonical text under the secret, in hexadecimal. Call with the \
             canonical text as the query, and `&sig=` behind it."
                .to_owned(),
            worked_example(subject),
        ],
        examples: vec![
            Example::new("A signed call, in a shell", Language::Shell, signed_in_shell(subject)),
            Example::new("A signed call, in Python", Language::Python, signed_in_python(subject)),
        ],
        ..Section::default()
    }
}

/// A call that is signed by a secret which everybody knows, to hold one's own code against.
fn worked_example(subject: &Subject<'_>) -> String {
    let text = format!(
        "{}&o={}&p=12.50&r=4503599627370495&t=ORDER%201002%2F%C3%A9&ts=1800000000",
        event_and_form(subject),
        subject.offer.id
    );
    let secret = "example-secret";
    // Canonical already, and short: it can be read.
    let sig = crate::pixel::sign_query(text.as_bytes(), secret).unwrap_or_default();
    format!(
        "To test your code: under the secret `{secret}` the canonical text of the transaction `ORDER 1002/é` is `{text}` \
         and `sig` is `{sig}`."
    )
}

/// What `f=pb` is answered.
pub(super) fn answers() -> Section {
    use crumb_domain::conversion::ConversionSource;
    use crumb_domain::pixel::PixelDisposition;
    let answer = |disposition| {
        let answer = crate::answer::render_pixel(ConversionSource::Postback, disposition, &[]);
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    Section {
        title: "What your server is answered",
        words: vec![
            "Any call with `f=pb` is answered 200 with XML, once what it says is stored. 503 means that nothing was \
             stored: call again. Images, scripts and pages are answered as what they are, whatever became of the \
             call."
                .to_owned(),
        ],
        examples: vec![
            Example::new("It counts", Language::Xml, answer(PixelDisposition::Ok)),
            Example::new("It does not, and why", Language::Xml, answer(PixelDisposition::DuplicateConversion)),
        ],
        ..Section::default()
    }
}

/// How to try it without anybody being paid.
pub(super) fn testing(subject: &Subject<'_>) -> Section {
    let link = subject.link("-1");
    let mut steps = vec![
        format!("Follow the test link {link} in a browser: affiliate `-1` makes the visit a test."),
        "Go through to the thank-you page. The conversion is recorded as a test: nobody is paid, and nothing is \
         counted."
            .to_owned(),
        "Where nothing arrives, the pixel log of the network has each call with the reason.".to_owned(),
    ];
    let mut examples = Vec::new();
    if subject.offer.postback_secret.is_none() && !subject.is_campaign {
        examples.push(Example::new(
            "A test call from your server, with curl",
            Language::Shell,
            plain_call(subject),
        ));
    }
    if subject.is_campaign {
        steps.pop();
    }
    Section { title: "Testing", steps, examples, ..Section::default() }
}

fn test_click(subject: &Subject<'_>) -> String {
    let click = test_click_of(&subject.link("-1"));
    format!("# A test click, to have a request id. A real one comes with the visit.\n{click}\n\n")
}

/// The canonical text's beginning: `e` and `f`.
fn event_and_form(subject: &Subject<'_>) -> String {
    let event = subject.first_event().map(|event| format!("e={event}&")).unwrap_or_default();
    format!("{event}f=pb")
}

fn plain_call(subject: &Subject<'_>) -> String {
    let address = quote::shell(&format!(
        "{}/p.ashx?{}&o={}&t=ORDER-1001&r=",
        subject.base,
        event_and_form(subject),
        subject.offer.id
    ));
    format!("{}curl {address}\"$REQUEST_ID\"", test_click(subject))
}

fn signed_in_shell(subject: &Subject<'_>) -> String {
    let text = format!(
        "{}&o={}&p=12.50&r=$REQUEST_ID&t=ORDER-1001&ts=$(date +%s)",
        event_and_form(subject),
        subject.offer.id
    );
    let address = quote::shell(&format!("{}/p.ashx?", subject.base));
    format!(
        "# The secret is in the variable POSTBACK_SECRET.\n{}\
         # The canonical text: sorted by name, and encoded.\n\
         TEXT=\"{text}\"\n\
         SIG=$(printf '%s' \"$TEXT\" | openssl dgst -sha256 -hmac \"$POSTBACK_SECRET\" | sed 's/^.*= *//')\n\
         curl {address}\"$TEXT&sig=$SIG\"",
        test_click(subject)
    )
}

fn signed_in_python(subject: &Subject<'_>) -> String {
    let event = subject.first_event().map(|event| format!("\"e\": \"{event}\", ")).unwrap_or_default();
    format!(
        r#"import hashlib, hmac, os, re, time
from urllib.parse import quote
from urllib.request import urlopen

SECRET = os.environ["POSTBACK_SECRET"]
TRACKER = {base}


def signed(parameters):
    parameters = {{**parameters, "ts": str(int(time.time()))}}
    text = "&".join(f"{{name}}={{quote(value, safe='')}}" for name, value in sorted(parameters.items()))
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{{text}}&sig={{signature}}"


# A test click, to have a request id. A real one comes with the visit.
click = urlopen({link}).read().decode()
request_id = re.search(r"var ckm_request_id = (\d+);", click)[1]

order = {{"f": "pb", "o": "{offer}", {event}"r": request_id, "t": "ORDER 1002/é", "p": "12.50"}}
print(urlopen(f"{{TRACKER}}/p.ashx?{{signed(order)}}").read().decode())"#,
        base = quote::js(&subject.base),
        link = quote::js(&format!("{}&cp=js", subject.link("-1"))),
        offer = subject.offer.id,
    )
}
