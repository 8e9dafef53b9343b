-- Takes what is overdue in a shard, oldest first. KEYS: ledger.
-- Reads a window of the due entries from `skip` on, so that entries of another
-- format, which stay in place, cannot hide the ones behind them.
local count_max, grace, skip, window, policy = arg[1], arg[2], arg[3], arg[4], arg[5]
local ledger = KEYS[1]
local records = string.sub(ledger, 1, -7) .. 'r:'
local taken, unknown, seen = {}, 0, 0

-- Takes one entry over; whether it was left in place as of another format.
local function take_entry(member)
  local epoch, id, ordinal_text = string.match(member, '^1:(%d+):(%w+)(%x)$')
  if not id or #id ~= 26 then
    return true
  end
  local key = records .. id
  local record, marker = load_record(key)
  if marker then
    return true
  end
  local ordinal = tonumber(ordinal_text, 16)
  local delivery = record and record[DELIVERIES][ordinal]
  if not delivery or tostring(record[EPOCH]) ~= epoch then
    redis.call('ZREM', ledger, member)
    return false
  end
  local answer, why = take_over(record, delivery, policy)
  if answer ~= NOT_DUE then
    save_record(key, record)
    taken[#taken + 1] = {answer, id, ordinal, why, redis.call('GET', key)}
  end
  keep_due(ledger, id, record, ordinal)
  return false
end

local oldest = redis.call('ZRANGE', ledger, 0, 0, 'WITHSCORES')
local overdue = oldest[2] and math.max(now - oldest[2], 0) or 0
local due = redis.call('ZRANGEBYSCORE', ledger, '-inf', now - grace, 'LIMIT', skip, window)
for _, member in ipairs(due) do
  if #taken >= count_max then
    break
  end
  seen = seen + 1
  if take_entry(member) then
    unknown = unknown + 1
  end
end
-- Where the next sweep looks on: behind what stayed, until the due entries end.
local next_skip = skip + unknown
if seen == #due and #due < window then
  next_skip = 0
end
return {1, clock, redis.call('ZCARD', ledger), overdue, unknown, next_skip, taken}
