//! The scripts: one to create, one to settle, one to check. All travel over one
//! connection, so commands of the same moment share a write and a read.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Script};

/// A hash of seven fields, two counters with a TTL, and what is due.
/// Gives 1, or 0 if a counter is above its limit.
const CREATE: &str = r"
local lifetime, limit = ARGV[6], tonumber(ARGV[7])
for counter = 2, 3 do
  local count = redis.call('INCR', KEYS[counter])
  if count == 1 then
    redis.call('EXPIRE', KEYS[counter], lifetime)
  end
  if count > limit then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'status', 'pending', 'to', ARGV[1], 'channel', ARGV[2],
  'digest', ARGV[3], 'created', ARGV[4], 'expires', ARGV[5], 'checks', 5)
redis.call('EXPIRE', KEYS[1], lifetime)
redis.call('ZADD', KEYS[4], ARGV[5], KEYS[1])
return 1";

const SETTLE: &str = r"
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('HSET', KEYS[1], 'status', 'submitted', 'message_id', ARGV[1])
return 1";

/// Gives 1 and what an answer tells for the right code, 0 for a wrong one, -1 if
/// there is nothing to check.
const CHECK: &str = r"
local record = redis.call('HMGET', KEYS[1],
  'status', 'digest', 'checks', 'to', 'channel', 'created', 'expires')
if not record[1] or record[1] == 'approved' or tonumber(record[3]) < 1 then
  return {-1, '', '', 0, 0}
end
redis.call('HINCRBY', KEYS[1], 'checks', -1)
if record[2] ~= ARGV[1] then
  return {0, '', '', 0, 0}
end
redis.call('HSET', KEYS[1], 'status', 'approved')
return {1, record[4], record[5], record[6], record[7]}";

const LIFETIME_S: u32 = 600;
/// Per number and per client address, in a lifetime.
const SENDS_MAX: u32 = 10;
/// What is due, by time.
const LEDGER: &str = "yardstick:ledger";

/// Redis, and what is asked of it.
#[derive(Clone)]
pub(crate) struct RedisSteps {
    connection: MultiplexedConnection,
    scripts: Arc<Scripts>,
}

struct Scripts {
    create: Script,
    settle: Script,
    check: Script,
}

/// What a create writes.
pub(crate) struct Created<'a> {
    pub(crate) id: &'a str,
    pub(crate) to: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) client_ip: &'a str,
    pub(crate) digest: &'a [u8],
    pub(crate) created_at_ms: i64,
    pub(crate) expires_at_ms: i64,
}

/// What a check found.
pub(crate) enum Checked {
    Right {
        to: String,
        channel: String,
        created_at_ms: i64,
        expires_at_ms: i64,
    },
    Wrong,
    Nothing,
}

impl RedisSteps {
    pub(crate) async fn connect(url: &str) -> RedisResult<Self> {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = Client::open(url)?
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let scripts = Scripts {
            create: Script::new(CREATE),
            settle: Script::new(SETTLE),
            check: Script::new(CHECK),
        };
        Ok(Self {
            connection,
            scripts: scripts.into(),
        })
    }

    /// Whether the limits allowed it.
    pub(crate) async fn create(&self, created: &Created<'_>) -> RedisResult<bool> {
        let mut create = self.scripts.create.prepare_invoke();
        create
            .key(record_key(created.id))
            .key(format!("yardstick:number:{}", created.to))
            .key(format!("yardstick:address:{}", created.client_ip))
            .key(LEDGER)
            .arg(created.to)
            .arg(created.channel)
            .arg(created.digest)
            .arg(created.created_at_ms)
            .arg(created.expires_at_ms)
            .arg(LIFETIME_S)
            .arg(SENDS_MAX);
        let mut connection = self.connection.clone();
        create.invoke_async(&mut connection).await
    }

    pub(crate) async fn settle(&self, id: &str, message_id: &[u8]) -> RedisResult<()> {
        let mut settle = self.scripts.settle.prepare_invoke();
        settle.key(record_key(id)).key(LEDGER).arg(message_id);
        let mut connection = self.connection.clone();
        settle.invoke_async(&mut connection).await
    }

    pub(crate) async fn check(&self, id: &str, digest: &[u8]) -> RedisResult<Checked> {
        let mut check = self.scripts.check.prepare_invoke();
        check.key(record_key(id)).arg(digest);
        let mut connection = self.connection.clone();
        let (found, to, channel, created_at_ms, expires_at_ms): (i64, _, _, _, _) =
            check.invoke_async(&mut connection).await?;
        Ok(match found {
            1 => Checked::Right {
                to,
                channel,
                created_at_ms,
                expires_at_ms,
            },
            0 => Checked::Wrong,
            _ => Checked::Nothing,
        })
    }
}

fn record_key(id: &str) -> String {
    format!("yardstick:record:{id}")
}
