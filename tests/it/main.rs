//! The integration tests: one binary, one module for each thing they prove.
//! Real processes, a real Redis, faults on purpose.

#[cfg(test)]
mod approved_once;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod entra;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod hang_ups;
#[cfg(test)]
mod hostile_input;
#[cfg(test)]
mod infobip_calls;
#[cfg(test)]
mod kannel;
#[cfg(test)]
mod key_rotation;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod receipts_by_message_id;
#[cfg(test)]
mod receipts_by_sns;
#[cfg(test)]
mod receipts_in_disorder;
#[cfg(test)]
mod receipts_that_act;
#[cfg(test)]
mod separation;
#[cfg(test)]
mod store_conformance;
#[cfg(test)]
mod store_faults;
#[cfg(test)]
mod store_redis;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod support;
#[cfg(test)]
mod the_harness;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod within;
