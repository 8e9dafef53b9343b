//! Microsoft Entra as an identity service: the words of its external phone
//! provider contract, in the order in which a request meets them. Entra draws
//! the code and writes the text; both come encrypted, under a token of its own.

pub mod context;
pub mod directory;
pub mod envelope;
pub mod jwe;
pub mod jwks;
pub mod token;

pub use directory::{Directories, EntraDirectory, keep};
