//! `crumb key`.

use crate::program::Place;

#[test]
fn key_create_prints_the_new_key_and_nothing_else() {
    let place = Place::with_network();
    let ran = place.run(&["key", "create", "--role", "admin", "--name", "ci"]);
    assert_eq!((ran.exit, ran.stderr.as_str()), (Some(0), ""));
    let key = ran.stdout.strip_suffix('\n').unwrap();
    assert!(key.len() > 40 && !key.contains(char::is_whitespace), "{key:?}");
    let other = place.printed(&["key", "create", "--role", "affiliate:12", "--name", "partner"]);
    assert_ne!(other, ran.stdout);
}

#[test]
fn key_list_shows_names_and_roles_and_never_a_key() {
    let place = Place::new();
    let key = place.printed(&["key", "create", "--role", "reader", "--name", "ci"]);
    let list = place.printed(&["key", "list"]);
    assert!(list.starts_with("ci\treader\t") && list.ends_with("\tactive\n"), "{list}");
    assert!(!list.contains(key.trim()));
}

#[test]
fn a_revoked_key_frees_its_name() {
    let place = Place::new();
    let create = ["key", "create", "--role", "reader", "--name", "ci"];
    place.printed(&create);
    assert!(place.refused(&create).starts_with("there is a key \"ci\" already"));
    assert_eq!(place.printed(&["key", "revoke", "ci"]), "");
    assert_eq!(place.refused(&["key", "revoke", "ci"]), "no key \"ci\"\n");
    assert!(place.printed(&["key", "list"]).contains("\trevoked "));
    place.printed(&create);
}

#[test]
fn a_key_has_a_role_that_is_known_and_a_name() {
    let place = Place::new();
    let refused = place.refused(&["key", "create", "--role", "root", "--name", "ci"]);
    assert!(refused.starts_with("--role: \"root\" is no role"), "{refused}");
    let refused = place.refused(&["key", "create", "--role", "admin", "--name", " "]);
    assert_eq!(refused, "--name: a key needs a name\n");
}

#[test]
fn a_key_of_a_party_is_of_one_that_there_is() {
    let place = Place::with_network();
    for (role, party) in [("buyer:999", "buyer 999"), ("affiliate:999", "affiliate 999")] {
        let refused = place.refused(&["key", "create", "--role", role, "--name", "ci"]);
        assert_eq!(refused, format!("--role: there is no {party}\n"));
    }
    assert_eq!(place.printed(&["key", "list"]), "");
    place.write("buyer.toml", "[[buyer]]\nid = 999\nname = \"Later\"\n");
    place.printed(&["apply", "buyer.toml"]);
    place.printed(&["key", "create", "--role", "buyer:999", "--name", "ci"]);
}
