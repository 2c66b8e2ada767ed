//! Manifests: from files to objects in force, with the place of everything.

pub(crate) mod drafts;
pub(crate) mod files;
mod object;
mod place;
mod problem;
mod scalar;
mod search;
mod text;
mod world;
mod yaml;

pub(crate) use drafts::Drafts;
pub(crate) use files::{Look, Source};
pub(crate) use object::{Id, What, labels, secret};
pub(crate) use place::{dotted, pointer};
pub(crate) use problem::Problem;
pub(crate) use search::Identity;
pub(crate) use world::{Outcome, World};
