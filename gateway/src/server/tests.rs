//! The accept loop against real sockets: slow, silent, broken and honest clients.

mod bodies;
mod drain;
mod floods;
mod protocols;
mod slow_clients;
mod support;
