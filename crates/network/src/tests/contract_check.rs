//! What those who talk to buyers ask of a contract.

use super::*;
use crumb_domain::fields::FieldRules;
use crumb_domain::network::Contract;

/// Refuses what is called so, at two places.
fn picky(contract: &Contract, rules: &FieldRules) -> Vec<FileError> {
    assert!(rules.fields().next().is_some(), "the rules are the vertical's");
    match contract.name.as_str() {
        "Bad" => vec![FileError::new("post.url", "is picked on"), FileError::new("post.price", "as well")],
        _ => Vec::new(),
    }
}

async fn picked() -> Live {
    let (live, _) = empty().await;
    live.checking_contracts(picky)
}

fn bad() -> Network {
    let mut file = example();
    file.contract[0].name = "Bad".to_owned();
    file
}

const BOTH: [&str; 2] = ["contract[0].post.url: is picked on", "contract[0].post.price: as well"];

#[tokio::test]
async fn a_contract_that_another_crate_refuses_is_not_let_in() {
    let live = picked().await;
    assert_eq!(faults(&live, &bad()).await, BOTH);
    let Err(NetworkError::Invalid(errors)) = live.apply(bad(), false, NOW, &mut rng()).await else {
        panic!("applied");
    };
    assert_eq!(printed(&errors), BOTH);
    assert_eq!(live.snapshot().version().0, 0, "nothing is applied");
    apply(&live, example()).await;
}

#[tokio::test]
async fn what_is_told_already_is_not_told_twice() {
    let mut file = bad();
    file.contract[0].post.url = None;
    assert_eq!(faults(&picked().await, &file).await, ["contract[0].post.url: required", BOTH[1]]);
}

#[tokio::test]
async fn an_earlier_version_meets_the_check_too() {
    let (live, _) = empty().await;
    let version = apply(&live, bad()).await.version;
    apply(&live, example()).await;
    let live = live.checking_contracts(picky);
    let Err(NetworkError::Invalid(errors)) = live.revert(version, NOW).await else { panic!("reverted") };
    assert_eq!(printed(&errors), BOTH);
}
