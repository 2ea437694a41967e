//! Ids of fields, and what a plan shows of names under known ids.

use super::*;
use crumb_domain::FieldId;
use crumb_domain::network::Field;

fn field_ids(live: &Live) -> Vec<(String, i64)> {
    let fields = live.snapshot().network().vertical[0].field.clone();
    fields.into_iter().map(|field| (field.name, field.id.unwrap_or(FieldId(0)).0)).collect()
}

#[tokio::test]
async fn a_field_id_is_given_on_first_sight_and_kept_with_the_name() {
    let (live, _) = running().await;
    let given = field_ids(&live);
    let expected =
        [("email_address", 4), ("phone", 5), ("state", 6), ("zip_code", 7), ("age", 8), ("dob", 9)];
    assert_eq!(given, expected.map(|(name, id)| (name.to_owned(), id)));
    // The one with the highest id is gone for two versions, and back in another place.
    let mut without = example();
    let dob = without.vertical[0].field.remove(5);
    apply(&live, without.clone()).await;
    let mut other = without.clone();
    other.vertical[0].field.push(toml_field("fax"));
    apply(&live, other.clone()).await;
    assert!(field_ids(&live).contains(&("fax".to_owned(), 10)), "no id is given twice");
    other.vertical[0].field.push(dob);
    apply(&live, other).await;
    assert!(field_ids(&live).contains(&("dob".to_owned(), 9)));
}

fn toml_field(name: &str) -> Field {
    let text =
        format!("[[vertical]]\nid=1\nname=\"x\"\n[[vertical.field]]\nname=\"{name}\"\ntype=\"string\"");
    toml(&text).vertical.remove(0).field.remove(0)
}

/// The fields of vertical 1 as a file has them: names, with the ids that it gives.
fn with_fields(fields: &[(&str, Option<i64>)]) -> Network {
    let mut file = example();
    let vertical = &mut file.vertical[0];
    let before = std::mem::take(&mut vertical.field);
    vertical.field = (fields.iter())
        .map(|(name, id)| {
            let written = before.iter().find(|field| field.name == *name).cloned();
            Field { id: id.map(FieldId), ..written.unwrap_or_else(|| toml_field(name)) }
        })
        .collect();
    file
}

const REST: [(&str, Option<i64>); 4] = [("phone", None), ("state", None), ("age", None), ("dob", None)];

#[tokio::test]
async fn an_id_of_a_field_that_stays_is_no_other_fields() {
    let (live, _) = running().await;
    for taken in ["zip_code", "fax"] {
        let file = with_fields(&[&[("email_address", None), (taken, Some(4))], &REST[..]].concat());
        let expected = "vertical[0].field[1].id: id 4 is that of field email_address, which stays: give that \
                        one another id to move it";
        assert_eq!(faults(&live, &file).await, [expected]);
    }
    assert_eq!(field_ids(&live)[0], ("email_address".to_owned(), 4), "nothing is changed");
}

#[tokio::test]
async fn ids_of_fields_change_where_the_file_says_so_of_each_and_the_plan_shows_it() {
    let (live, _) = running().await;
    let swapped = [&[("email_address", Some(7)), ("zip_code", Some(4))], &REST[..]].concat();
    let plan = planned(&live, &with_fields(&swapped), false).await;
    for line in ["~ field email_address of vertical 1: id 4 → 7", "~ field zip_code of vertical 1: id 7 → 4"]
    {
        assert!(plan.iter().any(|told| told == line), "{plan:?}");
    }
}

#[tokio::test]
async fn a_field_with_the_id_of_one_that_goes_is_that_one_renamed() {
    let (live, _) = running().await;
    let renamed = [&[("email_address", None), ("postal_code", Some(7))], &REST[..]].concat();
    let plan = planned(&live, &with_fields(&renamed), false).await;
    let of_fields: Vec<_> = plan.iter().filter(|line| line.contains(" field ")).collect();
    let [line] = of_fields.as_slice() else { panic!("{plan:?}") };
    assert!(line.starts_with("~ field zip_code of vertical 1: "), "{line}");
    assert!(line.contains("name zip_code → postal_code"), "{line}");
    apply(&live, with_fields(&renamed)).await;
    // The old name is a new field from then on.
    let both = [&renamed[..], &[("zip_code", None)]].concat();
    let plan = planned(&live, &with_fields(&both), false).await;
    assert_eq!(plan, ["+ field zip_code of vertical 1"]);
    apply(&live, with_fields(&both)).await;
    let ids = field_ids(&live);
    assert!(ids.contains(&("postal_code".to_owned(), 7)) && ids.contains(&("zip_code".to_owned(), 10)));
}

#[tokio::test]
async fn a_field_that_stays_keeps_its_id_from_an_earlier_name_of_it_that_comes_back() {
    let (live, _) = running().await;
    let renamed = [&[("email_address", None), ("postal_code", Some(7))], &REST[..]].concat();
    apply(&live, with_fields(&renamed)).await;
    let both = [&[("zip_code", None), ("email_address", None), ("postal_code", None)], &REST[..]].concat();
    let plan = planned(&live, &with_fields(&both), false).await;
    assert_eq!(plan, ["+ field zip_code of vertical 1"]);
    apply(&live, with_fields(&both)).await;
    let ids = field_ids(&live);
    assert!(ids.contains(&("postal_code".to_owned(), 7)) && ids.contains(&("zip_code".to_owned(), 10)));
}

#[tokio::test]
async fn another_name_under_a_known_id_is_shown_as_the_new_name_of_what_has_it() {
    let (live, _) = running().await;
    let mut file = example();
    file.advertiser[0].name = "Other".to_owned();
    file.offer[0].creative[0].name = "Banner".to_owned();
    let plan = planned(&live, &file, false).await;
    let (advertiser, creative) = (file.advertiser[0].id, file.offer[0].creative[0].id);
    assert_eq!(
        plan,
        [
            format!("~ advertiser {advertiser}: name Acme → Other"),
            format!("~ creative {creative}: name Text link → Banner"),
        ]
    );
}
