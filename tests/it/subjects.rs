//! What a person with numbers meets, row by row: a gateway in process with its
//! whole API, over both stores, on a clock that the test moves.

mod audit_export;
mod backup;
mod dump;
mod events;
mod extensions;
mod imported;
mod languages;
mod leaks;
mod people;
mod reading;
mod rotation;
mod row_01;
mod row_02;
mod row_03;
mod row_04;
mod row_05;
mod row_06;
mod row_07;
mod row_08;
mod row_09;
mod row_10;
mod row_11;
mod row_12;
mod row_13;
mod row_14;
mod row_15;
mod row_16;
mod row_17;
mod row_18;
mod row_19;
mod row_20;
mod row_21;
mod row_22;
mod row_23;
mod row_24;
mod row_25;
mod signals;
mod slips;
mod spared;
mod the_story;
mod the_world;
mod unique_numbers;
mod world;

/// Every story, over the embedded store and over Redis.
macro_rules! over_both_stores {
    ($($story:ident),* $(,)?) => {
        mod over_the_embedded_store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    super::$story($crate::subjects::world::Stand::Embedded).await;
                }
            )*
        }

        mod over_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    super::$story($crate::subjects::world::Stand::Redis).await;
                }
            )*
        }
    };
}
use over_both_stores;
