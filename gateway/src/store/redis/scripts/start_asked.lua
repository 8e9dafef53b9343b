-- Creates a verification or send-only delivery, sends an earlier one again, or refuses.
-- KEYS: record, number, ledger, the limits that are part of the step, idempotency
-- record (if the request has a key).
-- ARGV[2]: numbers, and the intervals of the number's send rules. ARGV[3]: the identity
-- and the caller-supplied code's tag, as they stand in a number. ARGV[4]: what only the
-- less common starts need, packed. From ARGV[5] on: the record as it will be stored, cut
-- where the moments of its creation belong, so that the common case packs nothing. At
-- the end a question for each limit.
local CREATED_ANSWER, WITHHELD = 1, 8
local kind, client, is_sent, is_begun, is_complete, limits, lifetime, lease_for, first_wait, rule_at =
  struct.unpack('>BBBBBBI8I8I8', ARGV[2])
local id = string.sub(KEYS[1], -26)
local idempotency_key = KEYS[4 + limits]

-- Every limit is asked; what they say counts once the send would be made.
local states, withheld = {}, nil
for index = 1, limits do
  local key = KEYS[3 + index]
  local state, till, opens = ask_limit(ARGV[#ARGV - limits + index], redis.call('GET', key))
  if opens then
    withheld = withheld or {WITHHELD, clock}
    table.insert(withheld, index - 1)
    table.insert(withheld, till)
    table.insert(withheld, opens)
  elseif not state then
    return {till, clock}
  else
    states[index] = {key, state, till}
  end
end

local function moment(at)
  return struct.pack('>BI8', 207, at)
end

local function save_limits()
  for _, state in ipairs(states) do
    if state[3] then
      save_limit(state[1], state[2], state[3])
    end
  end
end

-- Writes the record, what is due and what the limits have become.
local function create(number, number_till)
  local expires, created = now + lifetime, moment(now)
  local record, at = ARGV[5] .. moment(expires) .. ARGV[6], 7
  if is_sent == 1 then
    -- No reason yet.
    record, at = record .. moment(now + lease_for) .. '\194' .. created .. ARGV[7], 8
    if is_begun == 1 then
      record, at = record .. created .. ARGV[8], 9
    end
    redis.call('ZADD', KEYS[3], now + lease_for, '1:' .. epoch .. ':' .. id .. '1')
  end
  record = record .. created .. ARGV[at] .. moment(now + first_wait) .. ARGV[at + 1]
  redis.call('SET', KEYS[1], record, 'PXAT', expires + retention - shift)
  redis.call('SET', KEYS[2], number, 'PXAT', number_till - shift)
  save_limits()
  return {CREATED_ANSWER, clock}
end
