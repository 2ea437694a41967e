//! Conversions and the pixel log.
//!
//! A conversion that is a lead stands with its lead (`Lead::conversion`); all others
//! have a record of their own. Whoever reads conversions sees both kinds alike; whoever
//! changes one says which it is.

use crate::outbox::{CapTold, NewDelivery};
use crate::selling::TimelineEntry;
use crate::{Page, PageRequest, Result};
use crumb_domain::caps::{CapCheck, DayCount};
use crumb_domain::conversion::{Conversion, ConversionDisposition};
use crumb_domain::lead::Lead;
use crumb_domain::ledger::LedgerEntry;
use crumb_domain::pixel::{PixelCall, PixelDisposition};
use crumb_domain::session::Session;
use crumb_domain::{AdvertiserId, AffiliateId, CampaignId, EventId, OfferId, RowId, Timestamp};

/// A new conversion on its way into the store.
#[derive(Debug, Clone)]
pub struct RecordConversion {
    /// It, as it will stand; `lead` is none.
    pub conversion: Conversion,
    /// The session may have this event once only.
    pub once_a_session: bool,
    /// A transaction id may be there once only, over all sessions of its offer and event.
    /// Tests use up none but those of tests.
    pub once_a_transaction: bool,
    /// What the session had when this was decided.
    pub session_had: SessionHad,
    /// A duplicate of a conversion of its own session is [`crate::StoreError::Conflict`] and
    /// not recorded as one: there may be something to be shown with that.
    pub shows_html: bool,
    /// Caps. Where one is reached, the conversion is recorded at 0.00 as
    /// [`ConversionDisposition::OverCap`], without entries and deliveries. A test meets
    /// no cap.
    pub caps: Vec<CapCheck>,
    /// Counts that rise by one with it, unless it is a test or over a cap.
    pub counts: Vec<DayCount>,
    /// Entries to append with it.
    pub ledger: Vec<LedgerEntry>,
    /// Who is to be told of it.
    pub deliveries: Vec<NewDelivery>,
    /// Who is to be told of caps that it fills.
    pub caps_told: Vec<CapTold>,
    /// What its time line begins with: who brought it in, where a person did.
    pub timeline: Vec<TimelineEntry>,
    /// What made the call one of its kind: a signed call counts once, whatever it made.
    /// None where it was not signed. Kept for [`SIGNATURE_SECONDS`] twice, so that clocks
    /// may differ.
    pub signature: Option<[u8; 32]>,
}

pub use crumb_domain::pixel::SIGNATURE_SECONDS;

/// What a new conversion was decided on. Where its session has something else,
/// [`crate::StoreError::Conflict`]: a lead may have come that the call belongs to. Other
/// conversions are no conflict, since the write itself looks for those that are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionHad {
    /// Nobody has looked: that the session has neither leads nor conversions was taken for
    /// granted.
    Nothing,
    /// So many leads, whatever became of them.
    Leads(usize),
    /// Of no interest: a person brings it in.
    Any,
}

/// What of a session matters for a call of the conversion pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// Which session.
    pub session: RowId,
    /// Of which event the call is.
    pub event: EventId,
    /// Its transaction id, where the event counts each of them once.
    pub transaction_id: Option<String>,
}

/// What a session has, as far as a call of the conversion pixel rests on it: however much
/// it has, this is small.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionRead {
    /// How many leads, whatever became of them.
    pub leads: usize,
    /// It has leads, and all of them are tests.
    pub only_tests: bool,
    /// The lead to which a call belongs: the oldest conversion that no pixel has named yet,
    /// else the oldest lead that none has. No test.
    pub open_lead: Option<Lead>,
    /// There is what [`ConversionStore::before_lead`] says: it is a lead's that may yet be
    /// accepted.
    pub is_before_lead: bool,
    /// The oldest conversion of the event.
    pub oldest: Option<Conversion>,
    /// The oldest approved one of the event whose HTML pixels were not shown.
    pub unshown: Option<Conversion>,
    /// The one of the event with the transaction id.
    pub same_transaction: Option<Conversion>,
}

/// A conversion that was reported before a lead of its session was accepted: the lead takes
/// it over, is it from then on, and is found by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeOver {
    /// Which.
    pub conversion: RowId,
    /// Its revision that was read.
    pub revision: u32,
    /// What takes it out of the books: the lead's entries stand in its place.
    pub ledger: Vec<LedgerEntry>,
    /// What the lead's time line has of it.
    pub told_of_lead: TimelineEntry,
    /// What its own time line ends with.
    pub told: TimelineEntry,
}

/// A call that names a conversion which is there: a lead without a pixel, or one whose
/// pixels were not shown yet.
#[derive(Debug, Clone)]
pub struct NoteCall {
    /// The conversion as it will stand; its `revision` is the one that was read. What is
    /// written of it is what [`ChangeConversion`] says, and of a lead that it has a pixel.
    pub conversion: Conversion,
    /// As in [`RecordConversion`]: another conversion's transaction id is not noted.
    pub once_a_transaction: bool,
    /// As in [`RecordConversion`]: a signed call that came before is not noted again.
    pub signature: Option<[u8; 32]>,
    /// Entries to append.
    pub ledger: Vec<LedgerEntry>,
    /// Who is to be told: of a lead that is paid only now.
    pub deliveries: Vec<NewDelivery>,
}

/// What became of a new conversion. What is logged and answered follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is there.
    New,
    /// It is there, at 0.00.
    OverCap,
    /// The session has the event, or the offer and event the transaction id, already, or
    /// the signed call came before: by this conversion, the oldest of them.
    Duplicate(RowId),
}

impl Recorded {
    /// What the log says of it.
    pub fn disposition(self) -> PixelDisposition {
        match self {
            Self::New => PixelDisposition::Ok,
            Self::OverCap => PixelDisposition::OverCap,
            Self::Duplicate(_) => PixelDisposition::DuplicateConversion,
        }
    }
}

/// What is written for one call: its line of the log, and what it makes.
#[derive(Debug, Clone)]
pub struct PixelWrite {
    /// The line of the log. Its disposition and conversion are filled in by the store
    /// where `effect` is a new conversion, or a note that turns out to be a duplicate.
    pub call: PixelCall,
    /// What it makes.
    pub effect: PixelEffect,
}

/// What a call of the conversion pixel makes.
#[derive(Debug, Clone)]
pub enum PixelEffect {
    /// Nothing: refused, or a duplicate.
    None,
    /// A conversion.
    New(Box<RecordConversion>),
    /// A note with a conversion that is there.
    Noted(Box<NoteCall>),
}

impl PixelEffect {
    /// The conversion as it will stand, where it makes or changes one.
    pub fn conversion(&self) -> Option<&Conversion> {
        match self {
            Self::None => None,
            Self::New(record) => Some(&record.conversion),
            Self::Noted(note) => Some(&note.conversion),
        }
    }
}

/// A change of a conversion by a person, and a conversion brought in by one.
#[derive(Debug, Clone)]
pub struct ChangeConversion {
    /// The conversion as it will stand; its `revision` is the one that was read. Payout,
    /// received, disposition, what was reported and whether pixels were shown are written,
    /// nothing else. Of a lead's, what is received is what its sales bring unless that was
    /// said, and the disposition that of its status until one is written that differs; that
    /// one then stays.
    pub conversion: Conversion,
    /// Entries to append.
    pub ledger: Vec<LedgerEntry>,
    /// Who is to be told: of a conversion that is approved only now.
    pub deliveries: Vec<NewDelivery>,
    /// What its time line, or its lead's, has of it.
    pub timeline: Vec<TimelineEntry>,
    /// As in [`RecordConversion`]: a transaction id that another conversion has is not
    /// given to it.
    pub once_a_transaction: bool,
}

/// Which conversions.
#[derive(Debug, Clone, Default)]
pub struct ConversionFilter {
    /// On this offer.
    pub offer: Option<OfferId>,
    /// Of this advertiser.
    pub advertiser: Option<AdvertiserId>,
    /// The offers of that advertiser: leads do not know whose their offer is.
    pub advertiser_offers: Vec<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// Of this event.
    pub event: Option<EventId>,
    /// That stand so.
    pub disposition: Option<ConversionDisposition>,
    /// Of this session.
    pub session: Option<RowId>,
    /// With this transaction id.
    pub transaction_id: Option<String>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Which calls.
#[derive(Debug, Clone, Default)]
pub struct PixelFilter {
    /// On this offer.
    pub offer: Option<OfferId>,
    /// Of this affiliate.
    pub affiliate: Option<AffiliateId>,
    /// Of this session.
    pub session: Option<RowId>,
    /// With this end.
    pub disposition: Option<PixelDisposition>,
    /// Calls do not say which conversion they are duplicates of where that is another
    /// affiliate's.
    pub hides_others: bool,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Conversions to be brought in at once: all of them or none.
#[derive(Debug, Clone, Default)]
pub struct ImportConversions {
    /// Those to be recorded and those to be changed, in the order of the file.
    pub rows: Vec<ImportRow>,
}

/// One of them.
#[derive(Debug, Clone)]
pub enum ImportRow {
    /// A new one.
    New(Box<RecordConversion>),
    /// A changed one.
    Changed(Box<ChangeConversion>),
}

/// The store of conversions.
pub trait ConversionStore {
    /// Writes a call with what it makes, and says what that came to: none where it makes
    /// nothing, or was noted. [`crate::StoreError::Conflict`], and not even the log has
    /// it, where something has changed since it was decided; the caller decides again.
    ///
    /// A new conversion is looked at in this order: its signature, what the session had,
    /// event, transaction id, caps.
    ///
    /// A conversion with a record of its own that a lead has taken over is read nowhere any
    /// more but by its place, where the lead's stands.
    fn record_pixel(&self, write: PixelWrite) -> impl Future<Output = Result<Option<Recorded>>> + Send;

    /// The oldest conversions of a session, leads and others, in the order in which they
    /// came. No lead knows its advertiser, here and wherever conversions are read.
    fn conversions_of(
        &self,
        session: RowId,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Conversion>>> + Send;

    /// What of a session matters for a call of the conversion pixel.
    fn session_read(&self, query: SessionQuery) -> impl Future<Output = Result<SessionRead>> + Send;

    /// What a lead of the session that becomes a conversion of the event takes over: the
    /// oldest of that event with a record of its own which is no test.
    fn before_lead(
        &self,
        session: RowId,
        event: EventId,
    ) -> impl Future<Output = Result<Option<Conversion>>> + Send;

    /// The conversion of that place, a lead's or another.
    fn conversion(&self, id: RowId) -> impl Future<Output = Result<Option<Conversion>>> + Send;

    /// Conversions by filter, leads among them, ordered by place.
    fn conversions(
        &self,
        filter: ConversionFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Conversion>>> + Send;

    /// Changes one, or says which other conversion has its transaction id already.
    /// [`crate::StoreError::Conflict`] where its revision is no longer the one that was
    /// read.
    fn change_conversion(
        &self,
        change: ChangeConversion,
    ) -> impl Future<Output = Result<Option<RowId>>> + Send;

    /// Records and changes all of them, or none: the place in the list of the first that
    /// could not be, and why, or what became of each; what was changed is there, as what
    /// is new is. The log has nothing of it.
    fn import_conversions(
        &self,
        import: ImportConversions,
    ) -> impl Future<Output = Result<std::result::Result<Vec<Recorded>, (usize, ImportFault)>>> + Send;

    /// The log by filter, ordered by place.
    fn pixels(
        &self,
        filter: PixelFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<PixelCall>>> + Send;

    /// The newest sessions that a click of a device opened on one of these offers, newest
    /// first, at most `limit`. At most one indexed read and one for each that is found.
    fn sessions_of_device(
        &self,
        device_id: String,
        offers: Vec<OfferId>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Session>>> + Send;

    /// The newest click of a session, its duplicates included; the session's own place
    /// where there is none.
    fn last_click(&self, session: RowId) -> impl Future<Output = Result<RowId>> + Send;
}

/// Why a row of an import could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFault {
    /// It is there already: this one.
    Duplicate(RowId),
    /// It has changed since it was read.
    Conflict,
}
