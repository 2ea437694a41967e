//! `crumb key create`, `list`, `revoke`.

use super::{Context, Reply, Result};
use anyhow::{bail, ensure};
use crumb_network::Snapshot;
use crumb_server::api::key::new_api_key;
use crumb_server::api::role::Role;
use crumb_storage::access::ApiKey;
use crumb_storage::{Store, StoreError};

/// The longest name of a key: a line of a list.
const MAX_NAME_CHARACTERS: usize = 100;

/// Makes a key and prints it, and nothing else on standard output.
pub async fn create<S: Store + Clone>(context: &Context<'_, S>, role: &str, name: String) -> Result {
    let Ok(role) = role.parse::<Role>() else {
        bail!("--role: {role:?} is no role; expected admin, manager, reader, affiliate:ID or buyer:ID");
    };
    if let Some(party) = absent_party(&context.installation.network.snapshot(), role) {
        bail!("--role: there is no {party}");
    }
    ensure!(!name.trim().is_empty(), "--name: a key needs a name");
    ensure!(
        name.chars().count() <= MAX_NAME_CHARACTERS && !name.chars().any(char::is_control),
        "--name: at most {MAX_NAME_CHARACTERS} characters, on one line"
    );
    #[expect(clippy::disallowed_methods, reason = "the operating system's randomness makes the key")]
    let (key, hash) = new_api_key(&mut rand::rng());
    let installation = context.installation;
    let kept = ApiKey {
        hash,
        name: name.clone(),
        role: role.to_string(),
        created_at: installation.clock.now(),
        revoked_at: None,
    };
    match installation.store.create_api_key(kept).await {
        Ok(()) => Ok(Reply::printed(format!("{key}\n"))),
        Err(StoreError::Conflict) => {
            bail!("there is a key {name:?} already; revoke it first, or take another name")
        }
        Err(error) => Err(error.into()),
    }
}

/// Whose key it would be, where the network has no such affiliate or buyer: the key would show nothing, and
/// everything of whoever is given that id later.
fn absent_party(snapshot: &Snapshot, role: Role) -> Option<String> {
    match role {
        Role::Admin | Role::Manager | Role::Reader => None,
        Role::Affiliate(id) => snapshot.affiliate(id).is_none().then(|| format!("affiliate {id}")),
        Role::Buyer(id) => snapshot.buyer(id).is_none().then(|| format!("buyer {id}")),
    }
}

/// A line a key: name, role, when it was made, when it ended; tabs between them.
pub async fn list<S: Store + Clone>(context: &Context<'_, S>) -> Result {
    let keys = context.installation.store.api_keys().await?;
    let line = |key: &ApiKey| {
        let ended = key.revoked_at.map_or_else(|| "active".to_owned(), |at| format!("revoked {at}"));
        format!("{}\t{}\t{}\t{ended}\n", key.name, key.role, key.created_at)
    };
    Ok(Reply::printed(keys.iter().map(line).collect()))
}

/// Ends a key.
pub async fn revoke<S: Store + Clone>(context: &Context<'_, S>, name: String) -> Result {
    let installation = context.installation;
    if !installation.store.revoke_api_key(name.clone(), installation.clock.now()).await? {
        bail!("no key {name:?}");
    }
    Ok(Reply::said(format!("key {name:?} revoked\n")))
}
