//! The API over a real router and a real store.

mod access;
mod clicks;
mod events;
mod leads;
mod links;
mod rejections;
mod world;

pub(crate) use world::World;
