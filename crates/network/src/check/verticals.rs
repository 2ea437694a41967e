//! Verticals with their fields, filters and routing.

use super::{Check, used_twice};
use crumb_domain::VerticalId;
use crumb_domain::fields::FieldRules;
use crumb_domain::filter::Filter;
use crumb_domain::network::{Condition, Field, Vertical};
use std::collections::HashSet;

/// The duplicate field of a vertical that names none. A vertical without it has
/// simply nothing to compare.
const DEFAULT_DUPLICATE_FIELD: &str = "email_address";

impl Check<'_> {
    pub(super) fn verticals(&mut self) {
        for vertical in &self.network.vertical {
            let place = self.places.at(vertical);
            self.head(&place, vertical.id.0, &vertical.name);
            self.offer_exists(format!("{place}.redirect_offer"), vertical.redirect_offer);
            self.not_negative(format!("{place}.router.minimum_margin"), Some(vertical.router.minimum_margin));
            self.fields(&place, vertical);
            if let Ok(rules) = FieldRules::compile(vertical) {
                self.rules.insert(vertical.id, rules);
            }
            self.filter(&format!("{place}.inbound_filter"), &vertical.inbound_filter, vertical.id);
            for (index, tier) in vertical.lead_tier.iter().enumerate() {
                let place = format!("{place}.lead_tier[{index}]");
                self.named(&place, &tier.name);
                self.not_negative(format!("{place}.payout"), Some(tier.payout));
                self.filter(&format!("{place}.filter"), &tier.filter, vertical.id);
            }
            for (index, name) in vertical.duplicate_fields.iter().enumerate() {
                if name != DEFAULT_DUPLICATE_FIELD && !has_field(vertical, name) {
                    self.fault(format!("{place}.duplicate_fields[{index}]"), format!("no field {name}"));
                }
            }
        }
    }

    fn fields(&mut self, place: &str, vertical: &Vertical) {
        let mut names = HashSet::new();
        let mut ids = HashSet::new();
        for (index, field) in vertical.field.iter().enumerate() {
            let place = format!("{place}.field[{index}]");
            if !names.insert(field.name.to_lowercase()) {
                // Names of parameters are read without regard to case.
                self.fault(format!("{place}.name"), format!("field {} is there twice", field.name));
            }
            if field.name.to_lowercase().starts_with("ckm_") {
                self.fault(format!("{place}.name"), "names that begin with ckm_ are kept for the server");
            }
            if let Some(id) = field.id {
                self.id(&place, id.0);
                if !ids.insert(id) {
                    self.fault(format!("{place}.id"), used_twice(id));
                }
            }
            if field.max_length == 0 {
                self.fault(format!("{place}.max_length"), "must be at least 1");
            }
            self.field_rules(&place, vertical, field);
        }
    }

    /// Each field by itself, so that one fault does not hide another field's.
    fn field_rules(&mut self, place: &str, vertical: &Vertical, field: &Field) {
        let alone = Vertical {
            field: vec![field.clone()],
            inbound_filter: Vec::new(),
            lead_tier: Vec::new(),
            ..vertical.clone()
        };
        if let Err(error) = FieldRules::compile(&alone) {
            let path = error.place.replacen("field[0]", place, 1);
            self.fault(path, error.message);
        }
    }

    /// A filter on a vertical's fields; each condition by itself, so that one fault
    /// does not hide another's. A vertical whose fields are faulty has no rules to
    /// hold filters against.
    pub(super) fn filter(&mut self, path: &str, filter: &[Condition], vertical: VerticalId) {
        for (index, condition) in filter.iter().enumerate() {
            let Some(rules) = self.rules.get(&vertical) else { return };
            if let Err(error) = Filter::compile(std::slice::from_ref(condition), rules) {
                let below = error.path.strip_prefix("[0]").unwrap_or(&error.path);
                self.fault(format!("{path}[{index}]{below}"), error.message);
            }
        }
    }
}

pub(super) fn has_field(vertical: &Vertical, name: &str) -> bool {
    vertical.field.iter().any(|field| field.name.to_lowercase() == name.to_lowercase())
}
