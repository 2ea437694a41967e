//! Who may report conversions, and who may say what they are worth.
//!
//! An offer with a secret takes postbacks that are signed with it; one with a list of
//! addresses takes those that come from there; with both, both must hold. Pixels in
//! pages are fired by visitors, from anywhere and unsigned; one that is signed all the
//! same must be signed rightly. Who fired them nobody knows: an affiliate that makes a
//! click can fire its pixel too. So an offer that is `trusted_only` holds all forms to what
//! postbacks are held to, and takes none where it has neither secret nor addresses.

use super::{Call, Found, Stop};
use crumb_domain::Money;
use crumb_domain::conversion::ConversionSource;
use crumb_domain::network::PriceOverride;
use crumb_domain::payout::Overrides;
use crumb_domain::pixel::PixelDisposition;
use crumb_network::CompiledOffer;
use crumb_wire::input::Given;
use crumb_wire::pixel::SignatureCheck;

/// Whether the offer takes the call, and whether it trusts it.
pub(super) fn check(call: &Call<'_>, offer: &CompiledOffer, found: &mut Found) -> Result<(), Stop> {
    let must_prove = call.request.form == ConversionSource::Postback || offer.trusted_only;
    let mut is_signed = false;
    if offer.postback_secret.is_some() {
        // A secret that the environment lacks matches nothing.
        let Some(secret) = offer.postback_secret() else {
            return Err(unsigned(offer, &"the environment lacks the offer's postback_secret"));
        };
        match call.request.check_signature(secret, call.now) {
            SignatureCheck::Valid(signature) => {
                is_signed = true;
                found.signature = Some(signature);
            }
            SignatureCheck::Absent if !must_prove => {}
            SignatureCheck::Absent => return Err(unsigned(offer, &"sig is missing")),
            SignatureCheck::Wrong(wrong) => return Err(unsigned(offer, &wrong)),
        }
    }
    let is_listed = offer.allowed_ips.iter().any(|net| net.contains(&call.client.ip));
    if must_prove && !offer.allowed_ips.is_empty() && !is_listed {
        return Err(Stop::Refused(PixelDisposition::NotWhitelisted));
    }
    found.trusted = is_signed || is_listed;
    if offer.trusted_only && !found.trusted {
        return Err(Stop::Refused(PixelDisposition::NotWhitelisted));
    }
    Ok(())
}

/// A call that is not signed as it should be: all are answered alike, and why is for those
/// who run the server. Whoever likes can make such calls, and none of them fills a log that
/// is not asked for it.
fn unsigned(offer: &CompiledOffer, why: &dyn std::fmt::Display) -> Stop {
    tracing::debug!(offer = %offer.id, %why, "a pixel's signature does not hold");
    Stop::Refused(PixelDisposition::InvalidSignature)
}

/// What the call may say of money; what it may not is noted as ignored. Amounts in
/// another currency than the network's say nothing: nobody knows the rate.
pub(super) fn overrides(call: &Call<'_>, offer: &CompiledOffer, found: &mut Found) -> Overrides {
    let (may_received, may_payout) = match offer.price_override {
        _ if found.trusted => (true, true),
        PriceOverride::All => (true, true),
        PriceOverride::Received => (true, false),
        PriceOverride::None => (false, false),
    };
    let currency = &call.snapshot.settings().currency;
    let is_ours = call.request.reported.currency.as_ref().is_none_or(|named| named == currency);
    let mut said = |name: &str, amount: Given<Money>, may: bool| match amount.value() {
        Some(_) if !may || !is_ours => {
            found.ignored.push(name.to_owned());
            None
        }
        amount => amount,
    };
    let received = said("p", call.request.received, may_received);
    let payout = said("ap", call.request.payout, may_payout);
    Overrides { payout, received }
}
