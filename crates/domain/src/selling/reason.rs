//! How a contract's part in the sale of a lead ended.

use crate::coded::coded;
use serde::Serialize;

coded! {
    /// Why a contract bought, or did not: exactly one for each contract of the
    /// lead's vertical and each run. The thirteen after `sold` are held in this order before
    /// anybody is asked; the others come of the sale itself.
    ContractResult {
        /// It bought.
        Sold = "sold";
        /// Inactive, or switched off after failed posts.
        ContractInactive = "contract_inactive";
        /// Its buyer is inactive, or is left alone for a while because its last
        /// answers timed out.
        BuyerInactive = "buyer_inactive";
        /// It buys another offer's leads only.
        WrongOffer = "wrong_offer";
        /// It does not want this affiliate's leads.
        AffiliateExcluded = "affiliate_excluded";
        /// The lead is an upsell, which it does not buy.
        UpsellsNotBought = "upsells_not_bought";
        /// Younger than its least age.
        LeadTooYoung = "lead_too_young";
        /// Older than its greatest age.
        LeadTooOld = "lead_too_old";
        /// No row of its schedule is open.
        ScheduleClosed = "schedule_closed";
        /// It has its day's leads.
        CapReached = "cap_reached";
        /// Its buyer cannot pay.
        NoCredit = "no_credit";
        /// Its buyer has the lead, or was sent it, or a buyer of its group has it.
        AlreadyBought = "already_bought";
        /// The lead is not what it wants.
        FilterUnmatched = "filter_unmatched";
        /// It pays too little over what the affiliate earns.
        MarginTooSmall = "margin_too_small";
        /// The ping was answered no, or with less than the row's price.
        PingRejected = "ping_rejected";
        /// The ping was not answered in time.
        PingTimeout = "ping_timeout";
        /// The ping failed.
        PingError = "ping_error";
        /// The post was answered no.
        PostRejected = "post_rejected";
        /// The buyer had the lead from elsewhere.
        PostDuplicate = "post_duplicate";
        /// Time was up before a byte of the post was sent.
        PostTimeout = "post_timeout";
        /// The post was sent, and its end is not known.
        PostUnknown = "post_unknown";
        /// The post failed before a byte was sent, or was answered with an error.
        PostError = "post_error";
        /// Others paid more.
        Outbid = "outbid";
        /// The lead was sold before its turn.
        NotNeeded = "not_needed";
        /// It buys with others only, and there was no other.
        GroupIncomplete = "group_incomplete";
        /// The sale's time was up before its turn.
        Deadline = "deadline";
    }
}

impl ContractResult {
    /// Whether it was no candidate: something kept it from taking part before anybody was
    /// asked.
    pub fn was_no_candidate(self) -> bool {
        use ContractResult as R;
        matches!(
            self,
            R::ContractInactive
                | R::BuyerInactive
                | R::WrongOffer
                | R::AffiliateExcluded
                | R::UpsellsNotBought
                | R::LeadTooYoung
                | R::LeadTooOld
                | R::ScheduleClosed
                | R::CapReached
                | R::NoCredit
                | R::AlreadyBought
                | R::FilterUnmatched
                | R::MarginTooSmall
        )
    }
}
