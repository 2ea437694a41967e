//! Leads and the posts that made them, or did not.
//!
//! * `prepare`: what is made ready before the write; `accept`: what a post becomes,
//!   decided inside it.
//! * `rows`: a lead as rows; `standing`: the part of it that changes later; `posts`:
//!   posts as rows; `list`: leads by filter.
//! * `indexes`: leads by random keys; `recent`: the newest, which enter them later.
//! * `idempotency`: what makes two posts the same.

mod accept;
pub(crate) mod idempotency;
pub(crate) mod indexes;
pub(crate) mod list;
pub(crate) mod posts;
mod prepare;
pub(crate) mod recent;
pub(crate) mod rows;
pub(crate) mod standing;

use crate::SqliteStore;
use crate::readers::LaneOf;
use crumb_domain::lead::Lead;
use crumb_domain::post::KeptPost;
use crumb_domain::{LeadId, Timestamp};
use crumb_storage::leads::{
    AcceptLead, IdempotencyScope, IdempotentAnswer, LeadFilter, Posted, RejectPost, RejectionFilter,
    UpdateLead,
};
use crumb_storage::{LeadStore, Page, PageRequest, Result};

impl LeadStore for SqliteStore {
    // What the two next ones are given is large: made ready and boxed before the
    // future is, it is not a part of each future around this one.
    fn accept_lead(&self, accept: AcceptLead) -> impl Future<Output = Result<Posted>> + Send {
        let prepared = prepare::new_lead(accept);
        async move {
            let (new, answer) = prepared?;
            let decided = self.writer().write(move |context| accept::accept(context, &new)).await?;
            Ok(decided.told(answer))
        }
    }

    fn update_lead(&self, update: UpdateLead) -> impl Future<Output = Result<Posted>> + Send {
        let prepared = prepare::changed_lead(update);
        async move {
            let (changed, answer) = prepared?;
            let decided = self.writer().write(move |context| accept::update(context, &changed)).await?;
            Ok(decided.told(answer))
        }
    }

    async fn reject_post(&self, mut reject: RejectPost) -> Result<Posted> {
        prepare::cut(&mut reject.post);
        self.writer().write(move |context| accept::reject(context, &reject)).await
    }

    async fn idempotent_answer(
        &self,
        scope: IdempotencyScope,
        key: String,
        now: Timestamp,
    ) -> Result<Option<IdempotentAnswer>> {
        self.readers()
            .read(LaneOf::Short, move |connection| idempotency::find(connection, &scope, &key, now))
            .await
    }

    async fn lead(&self, id: LeadId) -> Result<Option<Lead>> {
        let recent = self.recent_leads();
        self.readers().read(LaneOf::Short, move |connection| rows::read(connection, &recent, id)).await
    }

    async fn leads(&self, filter: LeadFilter, page: PageRequest) -> Result<Page<Lead>> {
        let recent = self.recent_leads();
        self.readers()
            .read(LaneOf::Long, move |connection| list::leads(connection, &recent, &filter, &page))
            .await
    }

    async fn posts_of_lead(&self, id: LeadId) -> Result<Vec<KeptPost>> {
        let recent = self.recent_leads();
        self.readers().read(LaneOf::Short, move |connection| posts::of_lead(connection, &recent, id)).await
    }

    async fn rejections(&self, filter: RejectionFilter, page: PageRequest) -> Result<Page<KeptPost>> {
        self.readers()
            .read(LaneOf::Long, move |connection| posts::rejections(connection, &filter, &page))
            .await
    }

    async fn rejections_not_kept(&self) -> Result<u64> {
        self.readers().read(LaneOf::Short, posts::not_kept).await
    }
}
