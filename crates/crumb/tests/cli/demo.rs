//! `crumb demo`: its guide, and what it shows to be pasted.

use crate::program::Place;

#[test]
fn its_help_tells_of_one_data_directory() {
    let help = Place::new().printed(&["demo", "--help"]);
    assert_eq!(help.matches("./data/demo").count(), 1, "{help}");
    assert!(!help.contains("[default: ./data]"), "{help}");
    let others = Place::new().printed(&["apply", "--help"]);
    assert!(others.contains("[default: ./data"), "{others}");
}
