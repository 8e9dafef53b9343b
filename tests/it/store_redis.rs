//! The Redis store against real servers.

mod against_the_model;
mod asks;
mod calls;
mod checks;
mod formats;
mod limits;
mod messages;
mod servers;
mod subjects;
mod tour;
mod turns;
mod watches;
