//! `crumb posting-doc`: how leads are posted, to print or to give out.

use super::{Context, Reply, Result};
use crate::cli::{DocumentForm, PostingDocArguments};
use anyhow::bail;
use crumb_server::posting_doc::{Method, Subject, create_share, document, page, revoke_share, text};
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
            true => Ok(Reply::default()),
            false => bail!("no such share"),
        };
    }
    let snapshot = installation.network.snapshot();
    let base_url = context.base_url(&snapshot);
    let today = snapshot.zone().day_of(installation.clock.now());
    let (subject, name) = match *arguments {
        PostingDocArguments { campaign: Some(id), .. } => (Subject::Campaign(id), format!("campaign {id}")),
        PostingDocArguments { offer: Some(id), .. } => (Subject::Offer(id), format!("offer {id}")),
        PostingDocArguments { vertical: Some(id), .. } => (Subject::Vertical(id), format!("vertical {id}")),
        _ => bail!("one of --campaign, --offer and --vertical is needed"),
    };
    let document = document(&snapshot, subject, &base_url, today, installation.pings);
    let Some(document) = document else { bail!("no {name}") };
    if !arguments.share {
        let method = arguments.method.unwrap_or(Method::Server);
        let printed = match arguments.format {
            DocumentForm::Html => page(&document, method),
            DocumentForm::Text => text(&document, method),
        };
        return Ok(Reply::printed(printed.trim_end().to_owned() + "\n"));
    }
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the address")]
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let address = create_share(installation, &base_url, subject, arguments.method, &mut rng).await?;
    Ok(Reply::printed(format!("{address}\n")))
}
