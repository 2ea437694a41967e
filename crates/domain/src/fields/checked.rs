//! What became of a post's fields, and what follows from it.

use crate::network::{ClientDecision, ServerDecision};
use crate::outcome::Problem;

/// What a post's fields came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Name as in the vertical and value as it is kept, in the vertical's order.
    /// A wrong value is here as it was posted, so that a lead for review keeps it;
    /// absent and blank ones are not.
    pub values: Vec<(String, String)>,
    /// Required fields that were absent or blank, in the vertical's order.
    pub missing: Vec<FieldProblem>,
    /// Values that failed their validator, in the vertical's order.
    pub wrong: Vec<FieldProblem>,
}

/// A field that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Its name as in the vertical.
    pub name: String,
    /// What the poster or visitor is told.
    pub text: String,
    /// What it does to a browser's post.
    pub client: ClientDecision,
    /// What it does to a server's post.
    pub server: ServerDecision,
}

/// What a post's bad fields do to it. Of several fields the gravest decides:
/// Reject beats Throw Out beats Review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldVerdict {
    /// The lead goes to the review queue.
    Review,
    /// The lead goes to the scrub queue.
    ThrowOut,
    /// There is no lead; the poster or visitor is told what is wrong.
    Reject,
}

impl Checked {
    /// True where no field is missing or wrong.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty() && self.wrong.is_empty()
    }

    /// The bad fields in the order in which they are reported: the missing ones,
    /// then the wrong ones, each in the vertical's order.
    pub fn problems(&self) -> impl Iterator<Item = &FieldProblem> {
        self.missing.iter().chain(&self.wrong)
    }

    /// The error texts as an answer lists them: `Lead Missing Data` and the texts
    /// of the missing fields, then `Validation Failed` and those of the wrong ones;
    /// nothing for a clean post.
    pub fn texts(&self) -> Vec<String> {
        [(Problem::LeadMissingData, &self.missing), (Problem::ValidationFailed, &self.wrong)]
            .into_iter()
            .filter(|(_, fields)| !fields.is_empty())
            .flat_map(|(problem, fields)| {
                let texts = fields.iter().map(|field| field.text.clone());
                std::iter::once(problem.as_str().to_owned()).chain(texts)
            })
            .collect()
    }

    /// What a server's or session's post with these fields becomes, by the fields'
    /// server decisions; `None` for a clean one.
    pub fn server_verdict(&self) -> Option<FieldVerdict> {
        self.problems()
            .map(|problem| match problem.server {
                ServerDecision::Reject => FieldVerdict::Reject,
                ServerDecision::ThrowOut => FieldVerdict::ThrowOut,
                ServerDecision::Review => FieldVerdict::Review,
            })
            .max()
    }

    /// What a browser's post with these fields becomes, by the fields' client
    /// decisions (force client review is Reject); `None` for a clean one.
    pub fn client_verdict(&self) -> Option<FieldVerdict> {
        self.problems()
            .map(|problem| match problem.client {
                ClientDecision::ForceClientReview => FieldVerdict::Reject,
                ClientDecision::ThrowOut => FieldVerdict::ThrowOut,
                ClientDecision::Review => FieldVerdict::Review,
            })
            .max()
    }
}
