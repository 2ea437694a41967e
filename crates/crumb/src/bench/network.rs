//! The network that Crumb serves while it is measured.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// The offer that leads are posted on, and that conversions are of.
pub const LEAD_OFFER: u64 = FIRST_OFFER;

/// What an affiliate is paid for a lead or a conversion.
pub const PAYOUT: &str = "12.50";
/// What the advertiser pays for a conversion.
pub const RECEIVED: &str = "20.00";

const FIRST_OFFER: u64 = 1_000;
const FIRST_CREATIVE: u64 = 20_000;
const FIRST_AFFILIATE: u64 = 100;
const FIRST_CAMPAIGN: u64 = 100_000;

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Campaigns: each affiliate has one on each offer, the last ones have fewer.
    pub campaigns: u32,
    /// Offers, each with one creative.
    pub offers: u32,
}

impl Shape {
    /// With as many offers as a network of that size has.
    pub fn of(campaigns: u32) -> Self {
        Self { campaigns, offers: (campaigns / 50).clamp(1, 200) }
    }

    /// All campaigns on one offer.
    pub fn on_one_offer(campaigns: u32) -> Self {
        Self { campaigns, offers: 1 }
    }

    /// The affiliate and the creative of a campaign's link, by the campaign's place.
    pub fn link(self, campaign: u64) -> (u64, u64) {
        let offers = u64::from(self.offers);
        (FIRST_AFFILIATE + campaign / offers, FIRST_CREATIVE + campaign % offers)
    }

    /// The network file.
    pub fn file(self) -> String {
        self.file_of("type = \"hosted\"\n", "")
    }

    /// The network file with an advertiser whose offers they are, and who pays for
    /// conversions; each affiliate is told of its own by a postback, if somebody receives
    /// them.
    pub fn of_advertiser(self, receiver: Option<SocketAddr>) -> String {
        let postbacks = receiver.map_or_else(String::new, |receiver| {
            format!("postback_url = \"http://{receiver}/postback?s1=#s1#&order=#tid#&payout=#price#\"\n")
        });
        let offer = format!("type = \"third_party\"\nadvertiser = 1\nreceived = \"{RECEIVED}\"\n");
        self.file_of(&offer, &postbacks) + "[[advertiser]]\nid = 1\nname = \"Advertiser\"\n"
    }

    fn file_of(self, of_offer: &str, of_affiliate: &str) -> String {
        let mut file = HEAD.to_owned();
        for offer in 0..u64::from(self.offers) {
            let _ = write!(
                file,
                "[[offer]]\nid = {}\nname = \"Offer {offer}\"\nvertical = 1\npayout = \"{PAYOUT}\"\n{of_offer}\
                 link = \"https://lp{offer}.example/quote?reqid=#reqid#&s1=#s1#\"\n\
                 [[offer.creative]]\nid = {}\nname = \"Text link {offer}\"\n\n",
                FIRST_OFFER + offer,
                FIRST_CREATIVE + offer,
            );
        }
        let affiliates = u64::from(self.campaigns.div_ceil(self.offers));
        for affiliate in FIRST_AFFILIATE..FIRST_AFFILIATE + affiliates {
            let _ = write!(
                file,
                "[[affiliate]]\nid = {affiliate}\nname = \"Affiliate {affiliate}\"\n{of_affiliate}\n"
            );
        }
        for campaign in 0..u64::from(self.campaigns) {
            let (affiliate, creative) = self.link(campaign);
            let _ = write!(
                file,
                "[[campaign]]\nid = {}\naffiliate = {affiliate}\noffer = {}\nkey = \"key{campaign:08}\"\n\n",
                FIRST_CAMPAIGN + campaign,
                FIRST_OFFER + creative - FIRST_CREATIVE,
            );
        }
        file
    }
}

/// The network's settings and its vertical, whose fields are those of a usual form.
pub const HEAD: &str = r#"[network]
name = "Bench"
tracking_url = "https://trk.example"
internal_affiliate = 1

[[vertical]]
id = 1
name = "Auto insurance"

[[vertical.field]]
name = "first_name"
type = "string"
required = true

[[vertical.field]]
name = "last_name"
type = "string"
required = true

[[vertical.field]]
name = "email_address"
type = "email"
required = true

[[vertical.field]]
name = "phone_home"
type = "phone"
required = true

[[vertical.field]]
name = "address"
type = "string"

[[vertical.field]]
name = "city"
type = "string"

[[vertical.field]]
name = "zip_code"
type = "zip"

[[vertical.field]]
name = "date_of_birth"
type = "date"

[[vertical.field]]
name = "ip_address"
type = "ip"

[[affiliate]]
id = 1
name = "House"

"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_network::{FileFormat, parse};

    #[test]
    fn the_file_is_a_network_file_of_that_many_campaigns() {
        for campaigns in [1, 7, 1_000] {
            let receiver = "127.0.0.1:8095".parse().ok();
            for shape in [Shape::of(campaigns), Shape::on_one_offer(campaigns)] {
                let told = shape.of_advertiser(receiver);
                assert!(parse(&told, FileFormat::Toml).is_ok(), "{told}");
                assert_eq!(told.matches("postback_url").count(), told.matches("[[affiliate]]").count() - 1);
                let file = shape.file();
                assert!(parse(&file, FileFormat::Toml).is_ok(), "{shape:?}");
                assert_eq!(file.matches("[[campaign]]").count(), campaigns as usize);
            }
        }
    }
}
