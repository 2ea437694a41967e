//! The tracking domain's dialect: requests to typed values, outcomes to replies.

pub mod answer;
mod body;
pub mod conversion_code;
pub mod cookie;
pub mod escape;
pub mod generate;
pub mod input;
mod json;
pub mod link;
mod multipart;
pub mod percent;
pub mod pixel;
pub mod pixel_doc;
pub mod post;
pub mod posting_doc;
pub mod referrer;
pub mod script;
pub mod token;
mod xml;
