//! The integration tests: real processes, a real Redis, faults on purpose. One
//! binary, and one module for each thing it proves.

#[cfg(test)]
mod approved_once;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod hang_ups;
#[cfg(test)]
mod hostile_input;
#[cfg(test)]
mod key_rotation;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod separation;
#[cfg(test)]
mod store_faults;
#[cfg(test)]
mod support;
#[cfg(test)]
mod the_harness;
