-- What asking a limit makes of its state.
-- A question is one string: the step, the operation, and 17 bytes for each rule:
-- its kind and two numbers: interval and tolerance in us; or daily, its maximum
-- and nothing. A state is the format version, the operation that took last and
-- the one that gave back last (zeros: none), and 17 bytes for each rule: its kind, and the
-- arrival time in us; or the day and its count.
local TAKE, PEEK, GIVE_BACK = 0, 1, 2
-- It outlives the last question, which may be asked again.
local KEPT_MIN = 10000
local RATE, DAILY, DAY = 0, 1, 86400000

-- The state that follows, and until when it is kept if it has changed; or
-- nothing, with the refusing rule and when it opens; or nothing and a marker.
local function ask_limit(ask, packed)
  local step, operation, rule_at = struct.unpack('>Bc16', ask)
  local none = string.rep('\0', 16)
  local size, state_at, taken, given = 0, 34, none, none
  if packed then
    size = #packed
    if string.byte(packed) ~= FORMAT then
      return nil, UNKNOWN_FORMAT
    end
    if size < 33 or (size - 33) % 17 ~= 0 then
      return nil, DAMAGED
    end
    taken, given = struct.unpack('>c16c16', packed, 2)
    if step == TAKE and taken == operation or step == GIVE_BACK and given == operation then
      return packed
    end
  end
  local now_us, today = now * 1000, (now - now % DAY) / DAY
  local states, till, refusing, opens, index = '', now + KEPT_MIN, nil, nil, 0
  while rule_at <= #ask do
    local kind, first, second, had, ends, from
    kind, first, second, rule_at = struct.unpack('>BI8I8', ask, rule_at)
    local at, count = 0, 0
    if state_at < size then
      had, at, count, state_at = struct.unpack('>BI8I8', packed, state_at)
    end
    if kind == RATE then
      at, count = had == RATE and at or 0, 0
      if step == GIVE_BACK then
        at = math.max(at - first, 0)
      else
        at = math.max(at, now_us) + first
        from = at - second > now_us and math.ceil((at - second) / 1000)
      end
      ends = math.ceil(at / 1000)
    else
      if had ~= DAILY or at ~= today then
        at, count = today, 0
      end
      ends = (at + 1) * DAY
      if step == GIVE_BACK then
        count = math.max(count - 1, 0)
      else
        from = count >= first and ends
        count = math.min(count + 1, 4294967295)
      end
    end
    if from and (not opens or opens < from) then
      refusing, opens = index, from
    end
    if ends > till then
      till = ends
    end
    states, index = states .. struct.pack('>BI8I8', kind, at, count), index + 1
  end
  if opens then
    return nil, refusing, opens
  end
  if step == TAKE then
    taken = operation
  elseif step == GIVE_BACK then
    given = operation
  end
  return string.char(FORMAT) .. taken .. given .. states, till
end

local function save_limit(key, state, till)
  redis.call('SET', key, state, 'PXAT', whole(till - shift))
end
