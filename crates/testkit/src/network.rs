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

/// What of [`SMALL`] a test changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `[network]`
    Network,
    /// Vertical 1.
    Vertical,
    /// Its field `first_name`.
    FirstName,
    /// Its field `zip_code`.
    ZipCode,
    /// Offer 100.
    HostedOffer,
    /// Offer 200.
    HostNPostOffer,
    /// Creative 1057.
    Creative,
    /// Affiliate 12.
    Affiliate,
    /// Campaign 57.
    Campaign,
    /// Further tables at the end.
    More,
}

impl Part {
    /// The line of [`SMALL`] that the part's further keys go before, whole and
    /// only there.
    fn last_line(self) -> &'static str {
        match self {
            Self::Network => "internal_affiliate = 1\n",
            Self::Vertical => "name = \"Auto insurance\"\n",
            Self::FirstName => "name = \"first_name\"\n",
            Self::ZipCode => "name = \"zip_code\"\n",
            Self::HostedOffer => "name = \"Free quote\"\n",
            Self::HostNPostOffer => "name = \"Fast sale\"\n",
            Self::Creative => "id = 1057\n",
            Self::Affiliate => "name = \"Traffic Co\"\n",
            Self::Campaign => "id = 57\n",
            Self::More => "",
        }
    }
}

/// [`SMALL`] with further keys in some of its parts. A key that the part has
/// already is replaced.
///
/// # Panics
/// Where a part's line is not there.
pub fn small_with(changes: &[(Part, &str)]) -> String {
    let mut text = SMALL.to_owned();
    for (part, keys) in changes {
        if *part == Part::More {
            text.push_str(&format!("\n{keys}\n"));
            continue;
        }
        let line = part.last_line();
        assert_eq!(text.matches(line).count(), 1, "{line} is in the network once");
        let (before, after) = text.split_once(line).expect("just counted");
        let (own, others) = after.split_once("\n[").unwrap_or((after, ""));
        let named: Vec<&str> = keys.lines().filter_map(|l| l.split_once(" = ")).map(|(key, _)| key).collect();
        let kept = own.lines().filter(|l| !named.iter().any(|key| l.starts_with(&format!("{key} = "))));
        let own: String = kept.map(|l| format!("{l}\n")).collect();
        text = format!("{before}{line}{keys}\n{own}\n[{others}");
    }
    text
}
