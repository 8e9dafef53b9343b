-- Writes a subject, and all that its change brings about, over the revision it was
-- decided from. KEYS: subject, ledger of subjects, audit, account, ledger, ledger of
-- watches, then one watch for each event.
local CONFLICT, WRITTEN = 0, 1
local OPERATION_LENGTH, OPERATIONS_BEFORE = 16, 3
local revision, operation, generation, tenant, sealed, due, ends_codes, lines, lines_kept, events =
  unpack(arg)
local subject_key, account_key = KEYS[1], KEYS[4]
local stored = redis.call('HMGET', subject_key, 'v', 'r', 'o', 'g')
if is_foreign(stored[1]) then
  return {UNKNOWN_FORMAT, clock}
end
local stored_revision = tonumber(stored[2] or 0)
local operations = stored[3] or ''
-- How many have written since, if this one has.
local since = stored_revision - revision - 1
if not stored[1] and not sealed or since >= 0
  and string.sub(operations, OPERATION_LENGTH * since + 1, OPERATION_LENGTH * since + OPERATION_LENGTH) == operation then
  return {WRITTEN, clock}
end
-- A generation that would fall is one of an earlier record of the same name.
if stored_revision ~= revision or tonumber(stored[4] or 0) > generation then
  return {CONFLICT, clock}
end

-- What may be unreadable is read before anything is written.
local account, ended = nil, {}
if ends_codes == 1 then
  local marker
  account, marker = load_number(account_key)
  if not account then
    return {marker, clock}
  end
  local records = string.sub(account_key, 1, -35) .. 'r:'
  for _, live in ipairs(account[LIVE]) do
    local key = records .. live[LIVE_ID]
    local record, unreadable = load_record(key)
    if unreadable then
      return {unreadable, clock}
    end
    if record and status_now(record) == PENDING then
      ended[#ended + 1] = {key, record, load_body(key, record)}
    end
  end
end

for _, live in ipairs(ended) do
  decide(live[2], live[3], SUPERSEDED, now)
  end_waiting(KEYS[5], id_of(live[1]), live[2])
  save_record(live[1], live[2], live[3])
end
if account and #account[LIVE] > 0 then
  account[LIVE] = {}
  save_number(account_key, account)
end
local member = id_of(subject_key)
if sealed then
  redis.call('HSET', subject_key, 'v', SUBJECT_FORMAT, 'e', whole(epoch), 't', tenant,
    'r', whole(revision + 1), 'o', operation .. string.sub(operations, 1, OPERATION_LENGTH * OPERATIONS_BEFORE), 'g', whole(generation), 's', sealed)
  if #lines > 0 then
    redis.call('RPUSH', KEYS[3], unpack(lines))
    redis.call('LTRIM', KEYS[3], -lines_kept, -1)
  end
else
  redis.call('DEL', subject_key, KEYS[3])
end
if sealed and due then
  redis.call('ZADD', KEYS[2], whole(due), member)
else
  redis.call('ZREM', KEYS[2], member)
end
for index, event in ipairs(events) do
  local watch, state, keep_for = KEYS[6 + index], event[1], event[2]
  if redis.call('EXISTS', watch) == 0 then
    redis.call('HSET', watch, 'v', WATCH_FORMAT, 'e', whole(epoch), 't', tenant, 'm', whole(now),
      'k', whole(now + keep_for), 'f', 0, 'l', 0, 'w', 0, 'r', 0, 's', state)
    redis.call('PEXPIREAT', watch, whole(now + keep_for - shift))
    redis.call('ZADD', KEYS[6], whole(now), id_of(watch))
  end
end
return {WRITTEN, clock}
