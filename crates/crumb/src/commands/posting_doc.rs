//! `crumb posting-doc`: how leads are posted, or conversions reported, to print or to give
//! out.

use super::{Context, Reply, Result};
use crate::cli::{DocumentForm, PostingDocArguments};
use anyhow::bail;
use crumb_server::posting_doc::{
    Kind, Method, NoDocument, Subject, create_share, document, page, pixel_document, pixel_page, pixel_text,
    revoke_share, text,
};
use crumb_storage::Store;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Prints the document; with `--share` its signed address instead. `--revoke` ends a
/// share.
pub async fn posting_doc<S: Store + Clone>(
    context: &Context<'_, S>,
    arguments: &PostingDocArguments,
) -> Result {
    let installation = context.installation;
    if let Some(address) = &arguments.revoke {
        return match revoke_share(installation, address).await? {
            Some((kind, subject)) => Ok(Reply::printed(revoked(kind, subject))),
            None => bail!("no such share"),
        };
    }
    let snapshot = installation.network.snapshot();
    let base_url = context.base_url(&snapshot);
    let (subject, name) = match *arguments {
        PostingDocArguments { campaign: Some(id), .. } => (Subject::Campaign(id), format!("campaign {id}")),
        PostingDocArguments { offer: Some(id), .. } => (Subject::Offer(id), format!("offer {id}")),
        PostingDocArguments { vertical: Some(id), .. } => (Subject::Vertical(id), format!("vertical {id}")),
        _ => bail!("one of --campaign, --offer and --vertical is needed"),
    };
    let kind = Kind::from(arguments.kind);
    if kind == Kind::Pixels && matches!(subject, Subject::Vertical(_)) {
        bail!("a vertical has no pixels; name an offer or a campaign");
    }
    if kind == Kind::Pixels && arguments.method.is_some() {
        bail!("--method is of documents on leads");
    }
    let is_page = arguments.format == DocumentForm::Html;
    let printed = match kind {
        Kind::Leads => {
            let now = installation.clock.now();
            let document = document(&snapshot, subject, &base_url, now, installation.pings);
            let method = arguments.method.unwrap_or(Method::Server);
            match document {
                Ok(doc) => Some(if is_page { page(&doc, method) } else { text(&doc, method) }),
                Err(NoDocument::Unknown) => None,
                Err(why @ NoDocument::TakesNoLeads(_)) => bail!("{why}; use --kind pixels"),
            }
        }
        Kind::Pixels => {
            let document = pixel_document(&snapshot, subject, &base_url);
            document.map(|doc| if is_page { pixel_page(&doc) } else { pixel_text(&doc) })
        }
    };
    let Some(printed) = printed else { bail!("no {name}") };
    if !arguments.share {
        return Ok(Reply::printed(printed.trim_end().to_owned() + "\n"));
    }
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the address")]
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let address = create_share(installation, &base_url, (kind, subject), arguments.method, &mut rng).await?;
    Ok(Reply::printed(format!("{address}\n")))
}

/// What a share showed that now shows nothing.
fn revoked(kind: Kind, subject: Subject) -> String {
    let of = match subject {
        Subject::Campaign(id) => format!("campaign {id}"),
        Subject::Offer(id) => format!("offer {id}"),
        Subject::Vertical(id) => format!("vertical {id}"),
    };
    let on = match kind {
        Kind::Leads => "leads",
        Kind::Pixels => "pixels",
    };
    format!("revoked: this address of the document on {on} of {of} shows nothing any more\n")
}
