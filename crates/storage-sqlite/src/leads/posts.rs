//! Posts as rows.

use super::indexes::{id_column, row_of};
use super::recent::Recently;
use crate::answers;
use crate::codes::{self, IpBytes, from_json, lead_id, moment, row_id};
use crate::error::{corrupt, from_sqlite};
use crate::listing::Listing;
use crate::statements::{Statements, values};
use crumb_domain::outcome::Problem;
use crumb_domain::post::{KeptPost, MAX_REJECTED_BODY, PostKind, PostOutcome};
use crumb_domain::{AffiliateId, CampaignId, LeadId, OfferId, RowId};
use crumb_storage::leads::{PostRecord, RejectionFilter};
use crumb_storage::{Page, PageRequest, Result};
use rusqlite::{Connection, Row, params};

/// Keeps a post with what became of it: the row of its lead, or why it has none.
/// The answer is a column, the errors are JSON; no answer yet where its lead is to be sold first.
pub(crate) fn insert<'p>(
    statements: &dyn Statements,
    post: &'p PostRecord,
    outcome: std::result::Result<RowId, Problem>,
    answer: Option<&str>,
    errors: &str,
) -> Result<()> {
    let (lead, problem, most) = match &outcome {
        Ok(lead) => (Some(lead.as_i64()), None, usize::MAX),
        Err(problem) => (None, Some(problem.code()), MAX_REJECTED_BODY),
    };
    let cut = |bytes: &'p [u8]| bytes.get(..most).unwrap_or(bytes);
    statements
        .execute(
"INSERT INTO post (id, at, kind, campaign, offer, affiliate, ip, query, content_type, body, answer,
                 errors, lead, problem)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
values![
                post.id.as_i64(),
                post.at.micros(),
                post.kind.as_str(),
                post.campaign.map(|id| id.0),
                post.offer.map(|id| id.0),
                post.affiliate.map(|id| id.0),
                post.ip.map(IpBytes::new),
                cut(&post.query),
                post.content_type,
                cut(&post.body),
                answer,
                errors,
                lead,
                problem,
            ],
)
        .map_err(from_sqlite)?;
    Ok(())
}

/// Keeps, as its column, what a post is answered that waited for it.
pub(crate) fn answer(connection: &Connection, post: i64, answer: &str) -> Result<()> {
    connection
        .prepare_cached("UPDATE post SET answer = ?2 WHERE id = ?1 AND answer IS NULL")
        .and_then(|mut update| update.execute(params![post, answer]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Notes that the poster of a post without an answer is given one under its key.
pub(crate) fn tell_later(connection: &Connection, post: i64) -> Result<()> {
    connection
        .prepare_cached("UPDATE post SET told_later = 1 WHERE id = ?1 AND answer IS NULL AND told_later = 0")
        .and_then(|mut update| update.execute([post]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// Counts a rejected post that is not kept.
pub(crate) fn count_not_kept(connection: &Connection, problem: Problem) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO rejection_not_kept (problem, n) VALUES (?1, 1) ON CONFLICT DO UPDATE SET n = n + 1",
        )
        .and_then(|mut insert| insert.execute([problem.code()]))
        .map_err(from_sqlite)?;
    Ok(())
}

/// How many were counted.
pub(crate) fn not_kept(connection: &Connection) -> Result<u64> {
    let n: i64 = connection
        .prepare_cached("SELECT coalesce(sum(n), 0) FROM rejection_not_kept")
        .and_then(|mut select| select.query_row([], |row| row.get(0)))
        .map_err(from_sqlite)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

const COLUMNS: &str = "id, at, kind, campaign, offer, affiliate, ip, query, content_type, body, answer, errors, \
                       (SELECT lead.id FROM lead WHERE lead.row = post.lead), problem, \
                       told_later";

/// The posts that made or changed a lead, oldest first.
pub(crate) fn of_lead(connection: &Connection, recent: &Recently, lead: LeadId) -> Result<Vec<KeptPost>> {
    let Some(lead) = row_of(connection, recent, id_column(lead))? else { return Ok(Vec::new()) };
    let mut select = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM post WHERE id = ?1 AND lead = ?1
             UNION ALL SELECT {COLUMNS} FROM post WHERE lead = ?1 AND lead <> id ORDER BY id"
        ))
        .map_err(from_sqlite)?;
    let mut rows = select.query([lead]).map_err(from_sqlite)?;
    let mut posts = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        posts.push(read(row)?);
    }
    Ok(posts)
}

/// Posts that made no lead.
pub(crate) fn rejections(
    connection: &Connection,
    filter: &RejectionFilter,
    page: &PageRequest,
) -> Result<Page<KeptPost>> {
    let mut listing = Listing::new("post", "id");
    listing.also("problem IS NOT NULL", [0_i64; 0]);
    listing.equals("offer", filter.offer.map(|id| id.0));
    listing.equals("affiliate", filter.affiliate.map(|id| id.0));
    listing.equals("campaign", filter.campaign.map(|id| id.0));
    listing.equals("problem", filter.problem.map(|problem| problem.code().to_owned()));
    listing.between(filter.from, filter.to);
    listing.page(connection, page, COLUMNS, |row| Ok((read(row), row.get(0)?)))
}

fn read(row: &Row<'_>) -> Result<KeptPost> {
    let number = |at| row.get::<_, Option<i64>>(at).map_err(from_sqlite);
    let given = |at| row.get::<_, i64>(at).map_err(from_sqlite);
    let text = |at| row.get::<_, String>(at).map_err(from_sqlite);
    let maybe_text = |at| row.get::<_, Option<String>>(at).map_err(from_sqlite);
    let bytes = |at| row.get::<_, Vec<u8>>(at).map_err(from_sqlite);
    let kind = text(2)?;
    Ok(KeptPost {
        id: row_id(given(0)?)?,
        at: moment(given(1)?),
        kind: PostKind::from_code(&kind).ok_or_else(|| corrupt("a kind of post", kind))?,
        campaign: number(3)?.map(CampaignId),
        offer: number(4)?.map(OfferId),
        affiliate: number(5)?.map(AffiliateId),
        ip: codes::ip(row.get(6).map_err(from_sqlite)?)?,
        query: bytes(7)?,
        content_type: text(8)?,
        body: bytes(9)?,
        answer: maybe_text(10)?.as_deref().map(answers::from_column).transpose()?,
        errors: from_json(&text(11)?)?,
        was_told_later: given(14)? != 0,
        outcome: outcome(number(12)?, maybe_text(13)?)?,
    })
}

fn outcome(lead: Option<i64>, problem: Option<String>) -> Result<PostOutcome> {
    match (lead, problem) {
        (Some(lead), _) => lead_id(lead).map(PostOutcome::Lead),
        (None, Some(problem)) => Problem::from_code(&problem)
            .map(PostOutcome::Rejected)
            .ok_or_else(|| corrupt("a post's problem", problem)),
        (None, None) => Err(corrupt("a post's outcome", "neither lead nor problem")),
    }
}
