//! Subjects: whose numbers they are, how a number is changed, and how a person
//! who has lost all of them gets back.

pub mod model;
