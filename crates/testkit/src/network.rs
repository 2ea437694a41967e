//! A network to test with.

/// A small network with one of each: hosted and host-n-post offers, a private one,
/// two affiliates and the internal one, campaigns with known keys.
///
/// | what | id |
/// |---|---|
/// | internal affiliate | 1 |
/// | affiliates | 12 (Traffic Co), 13 (Other Media), 14 (inactive) |
/// | vertical | 1: first_name, last_name, email_address (required), zip_code (required), phone_home, state, ip_address |
/// | hosted offer | 100, creatives 1057 and 1058, campaign 57 of 12 (key `Ab3dE5gH1jK`, payout 12.00) |
/// | host-n-post offer | 200, creative 2001, campaign 58 of 12 (key `Zy9xW7vU5tS`) |
/// | private offer | 300, creative 3001, no campaign |
pub const SMALL: &str = include_str!("small.toml");
