//! Subjects as callers ask about them: what was asked, and what is shown.

pub mod request;
pub mod view;
