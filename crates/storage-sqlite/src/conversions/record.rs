//! A call of the conversion pixel with what it makes. It all happens inside one write of
//! the one writer, so that of two equal calls at the same moment the second finds what
//! the first has made.

use super::change::{self, Change};
use super::pixels::{self, Became, Line};
use super::{conversion_caps, duplicates, rows, signatures};
use crate::batch::WriteContext;
use crate::error::from_sqlite;
use crate::leads::indexes::OfSession;
use crate::seen::{self, Key};
use crate::selling::records::append_timeline;
use crate::{ledger, outbox};
use crumb_domain::conversion::Conversion;
use crumb_domain::pixel::PixelCall;
use crumb_domain::{RowId, Timestamp};
use crumb_storage::configuration::HistoryOf;
use crumb_storage::conversions::{NoteCall, PixelEffect, PixelWrite, RecordConversion, Recorded, SessionHad};
use crumb_storage::{Result, StoreError};

/// A call, made ready: all writes wait for the one writer.
pub(crate) struct Pixel {
    call: PixelCall,
    /// JSON.
    ignored: Option<String>,
    /// Its line lies with the conversion that it makes, if it makes one.
    is_with_conversion: bool,
    effect: Effect,
}

enum Effect {
    None,
    New(Box<New>),
    Noted(Box<Note>),
}

/// A new conversion, made ready.
pub(crate) struct New {
    record: RecordConversion,
    /// JSON.
    reported: Option<String>,
}

/// A note with a conversion that is there, made ready.
struct Note {
    change: Change,
    signature: Option<[u8; 32]>,
}

impl Pixel {
    pub(crate) fn new(write: PixelWrite) -> Result<Self> {
        let PixelWrite { call, effect } = write;
        let is_with_conversion = match &effect {
            PixelEffect::New(record) => pixels::can_lie_with(&call, &record.conversion),
            PixelEffect::None | PixelEffect::Noted(_) => false,
        };
        let effect = match effect {
            PixelEffect::None => Effect::None,
            PixelEffect::New(record) => Effect::New(Box::new(New::of(*record)?)),
            PixelEffect::Noted(note) => {
                let NoteCall { conversion, once_a_transaction, signature, ledger, deliveries } = *note;
                let change = Change::new(conversion, ledger, deliveries, Vec::new(), once_a_transaction)?;
                Effect::Noted(Box::new(Note { change, signature }))
            }
        };
        Ok(Self { ignored: pixels::ignored_column(&call)?, is_with_conversion, call, effect })
    }
}

impl New {
    pub(crate) fn of(record: RecordConversion) -> Result<Self> {
        Ok(Self { reported: rows::reported_column(&record.conversion)?, record })
    }
}

/// Writes the call and what it makes.
pub(crate) fn pixel(context: &mut WriteContext<'_>, pixel: &Pixel) -> Result<Option<Recorded>> {
    let call = &pixel.call;
    let recorded = match &pixel.effect {
        Effect::None => None,
        Effect::New(new) => Some(make(context, new, pixel)?),
        Effect::Noted(noted) => note(context, noted, call.at)?,
    };
    let made = match (recorded, &pixel.effect) {
        (Some(Recorded::New | Recorded::OverCap), Effect::New(new)) => Some(&new.record.conversion),
        _ => None,
    };
    let before = match recorded {
        Some(Recorded::Duplicate(before)) => Some(before),
        _ => call.conversion,
    };
    let became = Became {
        disposition: recorded.map_or(call.disposition, Recorded::disposition),
        conversion: made.map_or(before, |made| Some(made.id)),
    };
    if made.is_none() || !pixel.is_with_conversion {
        pixels::insert(context.statements, call, pixel.ignored.as_deref(), &became)?;
    }
    let refers_to = seen::references(call.affiliate, call.offer, call.campaign).chain([Key::node(call.id)]);
    context.memory.seen.note_all(context.connection, refers_to).map_err(from_sqlite)?;
    Ok(recorded)
}

/// A new conversion that a call reports, unless the session has changed meanwhile.
fn make(context: &mut WriteContext<'_>, new: &New, pixel: &Pixel) -> Result<Recorded> {
    let record = &new.record;
    // Looked at before the session: the call that comes again has changed that itself.
    if let Some(before) = signatures::find(context.connection, record.signature.as_ref())? {
        return Ok(Recorded::Duplicate(before));
    }
    let session = session(context, record)?;
    // Before anything is written, so that a conflict has changed nothing.
    if let Some(before) = duplicate_of(context, record, session)? {
        return match is_to_be_shown(context, record, before)? {
            true => Err(StoreError::Conflict),
            false => Ok(Recorded::Duplicate(before)),
        };
    }
    let recorded = insert(context, new, Some(pixel))?;
    signatures::keep(context.connection, record.signature.as_ref(), pixel.call.at, record.conversion.id)?;
    Ok(recorded)
}

/// Whether a call may have something to show with the conversion that it is a duplicate of:
/// one of its own session. Who decides again finds it there.
fn is_to_be_shown(context: &WriteContext<'_>, record: &RecordConversion, before: RowId) -> Result<bool> {
    if !record.shows_html {
        return Ok(false);
    }
    let before = rows::read(context.connection, before)?;
    Ok(before.is_some_and(|before| before.session == record.conversion.session))
}

/// What is known of a new conversion's session, unless it has changed since that was
/// decided.
fn session(context: &WriteContext<'_>, record: &RecordConversion) -> Result<Session> {
    let (id, recent) = (record.conversion.session, &context.memory.recent.now());
    match record.session_had {
        SessionHad::Nothing if duplicates::has_nothing(context.statements, recent, id)? => Ok(Session::IsNew),
        SessionHad::Leads(leads)
            if duplicates::leads_of_session(context.statements, &OfSession::new(recent, id)?)? == leads =>
        {
            Ok(Session::Unknown)
        }
        SessionHad::Any => Ok(Session::Unknown),
        SessionHad::Nothing | SessionHad::Leads(_) => Err(StoreError::Conflict),
    }
}

/// What is known of the session of a new conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    /// It has no lead and no conversion.
    IsNew,
    /// It may have some.
    Unknown,
}

/// A new conversion that a person brings in, whatever else its session has.
pub(crate) fn bring_in(context: &mut WriteContext<'_>, new: &New) -> Result<Recorded> {
    match duplicate_of(context, &new.record, Session::Unknown)? {
        Some(before) => Ok(Recorded::Duplicate(before)),
        None => insert(context, new, None),
    }
}

/// Writes a new conversion, and the line of the call that made it where that lies with it.
fn insert(context: &mut WriteContext<'_>, new: &New, pixel: Option<&Pixel>) -> Result<Recorded> {
    let record = &new.record;
    let is_over_cap = !record.conversion.test && conversion_caps::is_full(context, &record.caps)?;
    let (at_nothing, its_reported);
    let (conversion, reported) = if is_over_cap {
        at_nothing = record.conversion.clone().over_cap();
        its_reported = rows::reported_column(&at_nothing)?;
        (&at_nothing, &its_reported)
    } else {
        (&record.conversion, &new.reported)
    };
    let recorded = if is_over_cap { Recorded::OverCap } else { Recorded::New };
    let line = pixel.filter(|pixel| pixel.is_with_conversion).map(|pixel| Line {
        call: &pixel.call,
        ignored: pixel.ignored.as_deref(),
        disposition: recorded.disposition(),
    });
    rows::insert(context.statements, conversion, reported.as_deref(), line)?;
    if conversion.converts() {
        context.memory.session_changes.converted(conversion.session);
    }
    let refers_to = seen::references(Some(conversion.affiliate), Some(conversion.offer), conversion.campaign)
        .chain([Key::node(conversion.id), event_of(conversion)]);
    context.memory.seen.note_all(context.connection, refers_to).map_err(from_sqlite)?;
    append_timeline(context.connection, conversion.id.as_i64(), &record.timeline)?;
    if is_over_cap {
        return Ok(recorded);
    }
    if !conversion.test {
        context.memory.counts.raise(&record.counts);
    }
    ledger::append(context.statements, ledger::NO_LEAD, &record.ledger)?;
    outbox::put(context, &record.deliveries)?;
    outbox::tell_caps(context, &record.caps_told, None)?;
    Ok(recorded)
}

fn duplicate_of(
    context: &WriteContext<'_>,
    record: &RecordConversion,
    session: Session,
) -> Result<Option<RowId>> {
    let conversion = &record.conversion;
    if record.once_a_session
        && session != Session::IsNew
        && let Some(before) =
            duplicates::of_event(context.connection, &context.memory.recent.now(), conversion)?
    {
        return Ok(Some(before));
    }
    if record.once_a_transaction {
        return duplicates::of_transaction(context.statements, conversion);
    }
    Ok(None)
}

/// A call that names a conversion which is there; what it is a duplicate of, if it is one.
fn note(context: &mut WriteContext<'_>, note: &Note, at: Timestamp) -> Result<Option<Recorded>> {
    let Note { change, signature } = note;
    let connection = context.connection;
    let before = match signatures::find(connection, signature.as_ref())? {
        None => change.taken_by(context)?,
        before => before,
    };
    if let Some(before) = before {
        return Ok(Some(Recorded::Duplicate(before)));
    }
    change::apply(context, change, Some(at))?;
    context.memory.seen.note(connection, event_of(change.conversion())).map_err(from_sqlite)?;
    signatures::keep(connection, signature.as_ref(), at, change.conversion().id)?;
    Ok(None)
}

fn event_of(conversion: &Conversion) -> Key {
    HistoryOf::Event(conversion.offer, conversion.event).into()
}
