//! Buyers' contracts: schedules, filters, and how a buyer is talked to.

use super::answer::{pattern_fault, token_fault};
use super::verticals::has_field;
use super::{Check, ContractCheck, is_http};
use crate::error::FileError;
use crumb_domain::network::{BodyMethod, Contract, DeliveryMethod, ScheduleRow, Vertical};
use std::collections::HashSet;

/// More than this of the last ten posts cannot fail: the contract is never switched off.
const NEVER_SWITCH_OFF: u32 = 11;

/// Ten years: who gives a lead back after longer means another number.
const MOST_RETURN_DAYS: u32 = 3_650;

impl Check<'_> {
    pub(super) fn contracts(&mut self) {
        for contract in &self.network.contract {
            let place = self.places.at(contract);
            self.head(&place, contract.id.0, &contract.name);
            self.contract_references(&place, contract);
            self.not_negative(format!("{place}.maximum_price"), contract.maximum_price);
            if let Some(zone) = &contract.time_zone {
                self.time_zone(format!("{place}.time_zone"), zone);
            }
            if !(1..=NEVER_SWITCH_OFF).contains(&contract.max_post_errors) {
                let message = "must be between 1 and 11 (11 = never switch off)";
                self.fault(format!("{place}.max_post_errors"), message);
            }
            if contract.max_return_days > MOST_RETURN_DAYS {
                let message = "must be at most 3650 (0 = no lead is taken back)";
                self.fault(format!("{place}.max_return_days"), message);
            }
            if contract.weight == Some(0) {
                self.fault(format!("{place}.weight"), "must be at least 1");
            }
            if contract.min_lead_age_minutes > contract.max_lead_age_minutes {
                self.fault(format!("{place}.min_lead_age_minutes"), "is more than max_lead_age_minutes");
            }
            self.link(format!("{place}.thank_you_link"), contract.thank_you_link.as_deref());
            for (index, row) in contract.schedule.iter().enumerate() {
                self.schedule_row(&format!("{place}.schedule[{index}]"), row);
            }
            let vertical = self.verticals.get(&contract.vertical).copied();
            self.filter(&format!("{place}.filter"), &contract.filter, contract.vertical);
            if let Some(ping) = &contract.ping {
                let place = format!("{place}.ping");
                self.delivery(&place, ping, vertical);
                if ping.method == BodyMethod::Email {
                    self.fault(format!("{place}.method"), "a ping needs an answer, which email has not");
                }
            }
            self.delivery(&format!("{place}.post"), &contract.post, vertical);
            if contract.post.session.is_some() {
                self.fault(format!("{place}.post.session"), "only a ping has it");
            }
        }
    }

    /// What another crate finds in contracts, at their places. What was found here
    /// already is not told twice.
    pub(super) fn contracts_besides(&mut self, check: ContractCheck) {
        let told: HashSet<String> = self.errors.iter().map(|error| error.path.clone()).collect();
        for contract in &self.network.contract {
            let Some(rules) = self.rules.get(&contract.vertical) else { continue };
            let place = self.places.at(contract);
            let found = check(contract, rules).into_iter();
            let placed = found.map(|fault| FileError::new(format!("{place}.{}", fault.path), fault.message));
            self.errors.extend(placed.filter(|fault| !told.contains(&fault.path)));
        }
    }

    fn contract_references(&mut self, place: &str, contract: &Contract) {
        if !self.buyers.contains(&contract.buyer) {
            self.fault(format!("{place}.buyer"), format!("no buyer {}", contract.buyer));
        }
        if !self.verticals.contains_key(&contract.vertical) {
            self.fault(format!("{place}.vertical"), format!("no vertical {}", contract.vertical));
        }
        self.offer_exists(format!("{place}.offer"), contract.offer);
        let offer = contract.offer.and_then(|id| self.offers.get(&id)).copied();
        if let Some(offer) = offer.filter(|offer| offer.vertical != contract.vertical) {
            let message = format!("offer {} is of vertical {}", offer.id, offer.vertical);
            self.fault(format!("{place}.offer"), message);
        }
        for (index, affiliate) in contract.exclude_affiliates.iter().enumerate() {
            self.affiliate_exists(format!("{place}.exclude_affiliates[{index}]"), *affiliate);
        }
    }

    fn schedule_row(&mut self, place: &str, row: &ScheduleRow) {
        if row.days.is_empty() {
            self.fault(format!("{place}.days"), "needs a day, or \"all\"");
        }
        let (open, close) = (minutes(&row.open), minutes(&row.close));
        if open.is_none_or(|open| open == MINUTES_OF_DAY) {
            self.fault(format!("{place}.open"), format!("\"{}\" is no time like \"08:00\"", row.open));
        }
        if close.is_none() {
            self.fault(format!("{place}.close"), format!("\"{}\" is no time like \"20:00\"", row.close));
        }
        if open.is_some() && open == close {
            self.fault(format!("{place}.close"), "is when it opens; all day is 00:00 to 24:00");
        }
        self.not_negative(format!("{place}.price"), Some(row.price));
    }

    fn delivery(&mut self, place: &str, method: &DeliveryMethod, vertical: Option<&Vertical>) {
        if method.method == BodyMethod::Email {
            match &method.to {
                None => self.fault(format!("{place}.to"), "required for email"),
                Some(to) if !to.contains('@') && !to.contains('#') => {
                    self.fault(format!("{place}.to"), format!("\"{to}\" is no e-mail address"));
                }
                Some(_) => {}
            }
        } else {
            match &method.url {
                None => self.fault(format!("{place}.url"), "required"),
                Some(url) if !is_http(url) => self.address(format!("{place}.url"), Some(url)),
                Some(_) => {}
            }
            if method.accepted.is_empty() {
                self.fault(format!("{place}.accepted"), "required");
            }
        }
        if method.timeout_ms == Some(0) {
            self.fault(format!("{place}.timeout_ms"), "must be at least 1");
        }
        self.address(format!("{place}.status_url"), method.status_url.as_deref());
        if method.body.is_some() && !method.params.is_empty() {
            self.fault(format!("{place}.body"), "is instead of params, not besides them");
        }
        self.headers(place, method);
        self.answers(place, method);
        for (field, format) in &method.formats {
            if !is_format(format) {
                let known = "digits, e164, lower, md5, sha256, date:%m/%d/%Y, bool:Y/N";
                self.fault(format!("{place}.formats.{field}"), format!("\"{format}\" is none of {known}"));
            }
        }
        let Some(vertical) = vertical else { return };
        let fields = method.formats.keys().map(|field| ("formats", field));
        for (key, field) in fields.chain(method.maps.keys().map(|field| ("maps", field))) {
            if !has_field(vertical, field) {
                let message = format!("vertical {} has no field {field}", vertical.id);
                self.fault(format!("{place}.{key}.{field}"), message);
            }
        }
    }

    fn headers(&mut self, place: &str, method: &DeliveryMethod) {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for (name, value) in &method.headers {
            if name.is_empty() || !name.chars().all(token) {
                self.fault(format!("{place}.headers.{name}"), "is no header name");
            } else if value.expose().chars().any(char::is_control) {
                // The value is not repeated: it may be a secret.
                self.fault(format!("{place}.headers.{name}"), "its value has control characters");
            }
        }
    }

    fn answers(&mut self, place: &str, method: &DeliveryMethod) {
        let lists = [
            ("accepted", &method.accepted),
            ("rejected", &method.rejected),
            ("duplicate", &method.duplicate),
            ("error", &method.error),
        ];
        for (key, patterns) in lists {
            for (index, pattern) in patterns.iter().enumerate() {
                if let Some(message) = pattern_fault(pattern) {
                    self.fault(format!("{place}.{key}[{index}]"), message);
                }
            }
        }
        let tokens = [
            ("price", &method.price),
            ("redirect", &method.redirect),
            ("lead_id", &method.lead_id),
            ("session", &method.session),
        ];
        for (key, pattern) in tokens {
            if let Some(message) = pattern.as_deref().and_then(token_fault) {
                self.fault(format!("{place}.{key}"), message);
            }
        }
    }
}

const MINUTES_OF_DAY: u32 = 24 * 60;

/// Minutes since midnight of `HH:MM`; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= MINUTES_OF_DAY).then_some(total)
}

fn is_format(format: &str) -> bool {
    match format.split_once(':') {
        None => matches!(format, "digits" | "e164" | "lower" | "md5" | "sha256"),
        Some(("date", pattern)) => pattern.contains('%'),
        Some(("bool", words)) => words.split('/').count() == 2,
        Some(_) => false,
    }
}
