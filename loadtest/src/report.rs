//! The end of a run: its figures as files.

mod hdr;
