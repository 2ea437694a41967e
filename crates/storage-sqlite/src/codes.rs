//! How values of the domain lie in columns. Numbers once given are never given
//! another meaning: rows with them exist.

use crate::error::corrupt;
use crumb_domain::caps::CapScope;
use crumb_domain::click::{ClickSource, NonHuman};
use crumb_domain::network::{CapOf, PriceFormat, SaleType, UnknownRule};
use crumb_domain::{CampaignId, CreativeId, LeadId, OfferId, RowId, SubIds, Timestamp};
use crumb_storage::Result;
use crumb_storage::clicks::ImpressionsOf;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::IpAddr;

/// What a click's `flags` column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClickFlags {
    pub(crate) source: ClickSource,
    /// It opened the session that it is credited to.
    pub(crate) own_session: bool,
    pub(crate) duplicate: bool,
    pub(crate) test: bool,
    pub(crate) non_human: Option<NonHuman>,
    pub(crate) price_format: Option<PriceFormat>,
}

/// The bit of a click that opened its session.
const OWN_SESSION: i64 = 1 << 2;
const DUPLICATE: i64 = 1 << 3;
const TEST: i64 = 1 << 4;
const NON_HUMAN_SHIFT: u32 = 5;
const PRICE_FORMAT_SHIFT: u32 = 7;

impl ClickFlags {
    pub(crate) fn pack(self) -> i64 {
        let source = match self.source {
            ClickSource::Link => 0,
            ClickSource::JsPixel => 1,
            ClickSource::ImagePixel => 2,
        };
        let non_human = match self.non_human {
            None => 0,
            Some(NonHuman::Bot) => 1,
            Some(NonHuman::Preview) => 2,
            Some(NonHuman::Head) => 3,
        };
        let price_format = match self.price_format {
            None => 0,
            Some(PriceFormat::Cpa) => 1,
            Some(PriceFormat::Cpc) => 2,
            Some(PriceFormat::Cpm) => 3,
            Some(PriceFormat::Fixed) => 4,
            Some(PriceFormat::Revshare) => 5,
        };
        let bit = |set, bit| if set { bit } else { 0 };
        source
            | bit(self.own_session, OWN_SESSION)
            | bit(self.duplicate, DUPLICATE)
            | bit(self.test, TEST)
            | non_human << NON_HUMAN_SHIFT
            | price_format << PRICE_FORMAT_SHIFT
    }

    pub(crate) fn unpack(bits: i64) -> Result<Self> {
        let unknown = || corrupt("a click's flags", bits);
        Ok(Self {
            source: match bits & 0b11 {
                0 => ClickSource::Link,
                1 => ClickSource::JsPixel,
                2 => ClickSource::ImagePixel,
                _ => return Err(unknown()),
            },
            own_session: bits & OWN_SESSION != 0,
            duplicate: bits & DUPLICATE != 0,
            test: bits & TEST != 0,
            non_human: match bits >> NON_HUMAN_SHIFT & 0b11 {
                0 => None,
                1 => Some(NonHuman::Bot),
                2 => Some(NonHuman::Preview),
                _ => Some(NonHuman::Head),
            },
            price_format: match bits >> PRICE_FORMAT_SHIFT {
                0 => None,
                1 => Some(PriceFormat::Cpa),
                2 => Some(PriceFormat::Cpc),
                3 => Some(PriceFormat::Cpm),
                4 => Some(PriceFormat::Fixed),
                5 => Some(PriceFormat::Revshare),
                _ => return Err(unknown()),
            },
        })
    }
}

/// A cap scope's two columns.
pub(crate) fn scope(scope: CapScope) -> (i64, i64) {
    match scope {
        CapScope::Offer(OfferId(id)) => (1, id),
        CapScope::Campaign(CampaignId(id)) => (2, id),
    }
}

/// What impressions are counted for: its two columns, of which the first goes on after
/// those of [`scope`].
pub(crate) fn impressions_of(of: ImpressionsOf) -> (i64, i64) {
    match of {
        ImpressionsOf::Campaign(id) => scope(CapScope::Campaign(id)),
        ImpressionsOf::Creative(CreativeId(id)) => (3, id),
    }
}

/// That impressions are counted, as its column; it goes on after those of [`cap_of`].
pub(crate) const IMPRESSION: i64 = 4;

/// What is counted, as its column.
pub(crate) fn cap_of(of: CapOf) -> i64 {
    match of {
        CapOf::Click => 1,
        CapOf::Lead => 2,
        CapOf::Conversion => 3,
    }
}

/// A sale's type, as its column.
pub(crate) fn sale_type(sale_type: SaleType) -> &'static str {
    match sale_type {
        SaleType::Exclusive => "exclusive",
        SaleType::Multisell => "multisell",
        SaleType::Hybrid => "hybrid",
    }
}

/// A sale's type, from its column.
pub(crate) fn sale_type_of(code: &str) -> Result<SaleType> {
    [SaleType::Exclusive, SaleType::Multisell, SaleType::Hybrid]
        .into_iter()
        .find(|known| sale_type(*known) == code)
        .ok_or_else(|| corrupt("a sale's type", code))
}

/// What an unknown end counts as, as its column.
pub(crate) fn unknown_rule(rule: UnknownRule) -> &'static str {
    match rule {
        UnknownRule::Wait => "wait",
        UnknownRule::Rejected => "rejected",
        UnknownRule::Sold => "sold",
    }
}

/// What an unknown end counts as, from its column.
pub(crate) fn unknown_rule_of(code: &str) -> Result<UnknownRule> {
    [UnknownRule::Wait, UnknownRule::Rejected, UnknownRule::Sold]
        .into_iter()
        .find(|known| unknown_rule(*known) == code)
        .ok_or_else(|| corrupt("what an unknown end counts as", code))
}

/// An address as 4 or 16 bytes.
pub(crate) struct IpBytes {
    bytes: [u8; 16],
    length: usize,
}

impl IpBytes {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let mut bytes = [0; 16];
        let length = match ip {
            IpAddr::V4(v4) => {
                for (byte, octet) in bytes.iter_mut().zip(v4.octets()) {
                    *byte = octet;
                }
                4
            }
            IpAddr::V6(v6) => {
                bytes = v6.octets();
                16
            }
        };
        Self { bytes, length }
    }
}

impl rusqlite::ToSql for IpBytes {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        let bytes = self.bytes.get(..self.length).unwrap_or(&self.bytes);
        Ok(rusqlite::types::ToSqlOutput::Borrowed(rusqlite::types::ValueRef::Blob(bytes)))
    }
}

/// An address from 4 or 16 bytes.
pub(crate) fn ip(bytes: Option<Vec<u8>>) -> Result<Option<IpAddr>> {
    let Some(bytes) = bytes else { return Ok(None) };
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Ok(Some(IpAddr::from(v4)));
    }
    match <[u8; 16]>::try_from(bytes.as_slice()) {
        Ok(v6) => Ok(Some(IpAddr::from(v6))),
        Err(_) => Err(corrupt("an address", bytes)),
    }
}

/// A row id from its column.
pub(crate) fn row_id(value: i64) -> Result<RowId> {
    RowId::from_i64(value).ok_or_else(|| corrupt("a row id", value))
}

/// A lead's id from its column.
pub(crate) fn lead_id(number: i64) -> Result<LeadId> {
    let id = u64::try_from(number).ok().and_then(LeadId::from_number);
    id.ok_or_else(|| corrupt("a lead's id", number))
}

/// A moment from its column.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// NULL for an empty text: most sub ids, referrers and the like are.
pub(crate) fn or_null(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The five sub ids as columns.
pub(crate) fn sub_id_columns(sub_ids: &SubIds) -> [Option<&str>; 5] {
    sub_ids.as_array().each_ref().map(|sub_id| or_null(sub_id))
}

/// The five sub ids from the columns beginning at `first`.
pub(crate) fn sub_ids(row: &Row<'_>, first: usize) -> rusqlite::Result<SubIds> {
    let mut texts: [Option<String>; 5] = Default::default();
    for (at, text) in texts.iter_mut().enumerate() {
        *text = row.get(first + at)?;
    }
    // They were brought within their limits before they were stored, and what is
    // within them stays as it is.
    Ok(SubIds::new(texts.each_ref().map(|text| text.as_deref().unwrap_or(""))))
}

/// Bytes that hold a lead's fields or the answer to its post, mostly: JSON that grows is
/// copied at each step.
const USUAL_JSON_BYTES: usize = 512;

/// A value as a JSON column.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    let fault = |error: &dyn std::fmt::Debug| corrupt("a value that JSON cannot hold", error);
    let mut json = Vec::with_capacity(USUAL_JSON_BYTES);
    serde_json::to_writer(&mut json, value).map_err(|error| fault(&error))?;
    String::from_utf8(json).map_err(|error| fault(&error))
}

/// A value from a JSON column.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| corrupt("JSON", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clicks_flags_come_back_as_they_were() {
        for source in [ClickSource::Link, ClickSource::JsPixel, ClickSource::ImagePixel] {
            for non_human in [None, Some(NonHuman::Bot), Some(NonHuman::Preview), Some(NonHuman::Head)] {
                for price_format in [
                    None,
                    Some(PriceFormat::Cpa),
                    Some(PriceFormat::Cpc),
                    Some(PriceFormat::Cpm),
                    Some(PriceFormat::Fixed),
                    Some(PriceFormat::Revshare),
                ] {
                    for bits in 0..8 {
                        let flags = ClickFlags {
                            source,
                            own_session: bits & 1 != 0,
                            duplicate: bits & 2 != 0,
                            test: bits & 4 != 0,
                            non_human,
                            price_format,
                        };
                        assert_eq!(ClickFlags::unpack(flags.pack()), Ok(flags));
                    }
                }
            }
        }
        assert!(ClickFlags::unpack(3).is_err());
        assert!(ClickFlags::unpack(7 << PRICE_FORMAT_SHIFT).is_err());
    }
}
