//! What becomes of subjects, rule by rule, and in histories that nobody wrote.

mod case;
mod changes;
mod evidence;
mod histories;
mod import;
mod lookups;
mod methods;
mod operators;
mod recovery;
mod roles;
mod undo;
