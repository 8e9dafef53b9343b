//! Subjects: whose numbers they are, how a number is changed, and how a person
//! who has lost all of them gets back.
//!
//! One record holds all of a subject. Whatever happens to it is one step:
//! the record is read, [`apply`] decides, and the new record is written over
//! the one that was read, or not at all.

pub mod audit;
pub mod codes;
pub mod command;
pub mod evidence;
pub mod idv;
pub mod keeper;
pub mod model;
pub mod notices;
pub mod policy;
pub mod texts;
pub mod tokens;
pub mod told;
pub mod vault;
pub mod worker;

mod apply;

pub use apply::apply;

#[cfg(test)]
mod tests;
