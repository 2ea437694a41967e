//! A document whatever its notation: the step between TOML or JSON text and the
//! entities. Tables keep the order in which their keys were written.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use std::fmt;

/// How the TOML reader names a date among the values that serde knows.
const TOML_DATETIME: &str = "$__toml_private_datetime";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl Tree {
    /// An entity as a tree, keys in the order of its type.
    pub fn of<T: Serialize>(entity: &T) -> Tree {
        // Entities are plain structs with text keys, which JSON always holds.
        serde_json::to_string(entity).and_then(|text| serde_json::from_str(&text)).unwrap_or(Tree::Null)
    }

    /// Without order, for readers that want a JSON value.
    pub fn into_value(self) -> Value {
        match self {
            Tree::Null => Value::Null,
            Tree::Bool(value) => value.into(),
            Tree::Integer(value) => value.into(),
            Tree::Float(value) => value.into(),
            Tree::Text(value) => value.into(),
            Tree::List(items) => items.into_iter().map(Tree::into_value).collect(),
            Tree::Table(pairs) => pairs.into_iter().map(|(key, item)| (key, item.into_value())).collect(),
        }
    }

    /// The places of `nan` and `inf`, which TOML can say and no key takes. A JSON
    /// value has no word for them and would have them as nothing.
    pub fn not_finite(&self) -> Vec<String> {
        let mut places = Vec::new();
        self.add_not_finite("", &mut places);
        places
    }

    fn add_not_finite(&self, place: &str, places: &mut Vec<String>) {
        match self {
            Tree::Float(value) if !value.is_finite() => places.push(place.to_owned()),
            Tree::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.add_not_finite(&format!("{place}[{index}]"), places);
                }
            }
            Tree::Table(pairs) => {
                for (key, item) in pairs {
                    let point = if place.is_empty() { "" } else { "." };
                    item.add_not_finite(&format!("{place}{point}{key}"), places);
                }
            }
            _ => {}
        }
    }

    /// A key of a table.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        match self {
            Tree::Table(pairs) => pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Float(value as f64), Tree::Integer))
    }

    /// A whole number beyond all that a key takes is refused where it stands, as a
    /// fraction would be.
    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Float(value as f64), Tree::Integer))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Float(value as f64), Tree::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Tree, A::Error> {
        let mut table: Vec<(String, Tree)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, value)) = pairs.next_entry::<String, Tree>()? {
            if key == TOML_DATETIME {
                return Ok(value);
            }
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format!("duplicate key `{key}`")));
            }
            table.push((key, value));
        }
        Ok(Tree::Table(table))
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Null => serializer.serialize_none(),
            Tree::Bool(value) => serializer.serialize_bool(*value),
            Tree::Integer(value) => serializer.serialize_i64(*value),
            Tree::Float(value) => serializer.serialize_f64(*value),
            Tree::Text(value) => serializer.serialize_str(value),
            Tree::List(items) => serializer.collect_seq(items),
            Tree::Table(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}
