-- The decision on a start.
local number, marker = load_number(KEYS[2])
if not number then
  return {marker, clock}
end
-- The same operation, sent again by the client library.
if kind ~= VERIFICATION or string.find(number[RECENT], id, 1, true) then
  local packed = redis.call('GET', KEYS[1])
  if packed then
    return {CREATED_ANSWER, clock, packed}
  end
end
local live = number[LIVE]
for index = #live, 1, -1 do
  if live[index][LIVE_EXPIRES] <= now then
    table.remove(live, index)
  end
end

-- What a live verification of the same identity means for this start.
local entry
if kind == VERIFICATION then
  for _, candidate in ipairs(live) do
    if candidate[LIVE_IDENTITY] == identity then
      entry = candidate
      break
    end
  end
end
local replaced
if entry then
  local key = records .. entry[LIVE_ID]
  local record, unreadable = load_record(key)
  if unreadable then
    return {unreadable, clock}
  end
  if not record or status_now(record) ~= PENDING then
    remove_live(number, entry[LIVE_ID])
  elseif now >= submit_before(record, policy[QUIET]) or wants_new == 1
    or custom and custom ~= entry[LIVE_CUSTOM] then
    replaced = entry[LIVE_ID]
  else
    local ask = {client = client, delivery = wanted, policy = policy, operation = operation}
    local body = load_body(key, record)
    local refusal, ordinal, is_new = send_again(record, body, number, ask)
    if refusal then
      return refusal
    end
    if not is_new and ordinal > 0 then
      -- The same operation, sent again by the client library: it has taken already.
      return {RESENT, clock, entry[LIVE_ID], ordinal, redis.call('GET', key)}
    end
    if withheld then
      return withheld
    end
    save_limits()
    save_record(key, record, body)
    save_number(KEYS[2], number)
    if is_new then
      keep_due(KEYS[3], entry[LIVE_ID], record, ordinal)
    end
    remember(entry[LIVE_ID], ordinal, 0)
    return {RESENT, clock, entry[LIVE_ID], ordinal, redis.call('GET', key)}
  end
end

-- A known client is never kept out by strangers: the oldest of theirs goes.
local room
if kind == VERIFICATION then
  local count, first_end, oldest = 0, nil, nil
  for _, other in ipairs(live) do
    if other[LIVE_ID] ~= replaced then
      count = count + 1
      if not first_end or other[LIVE_EXPIRES] < first_end then
        first_end = other[LIVE_EXPIRES]
      end
      if not oldest and other[LIVE_CLIENT] == 1 then
        oldest = other[LIVE_ID]
      end
    end
  end
  if count >= policy[LIVE_MAX] then
    if client ~= 0 or not oldest then
      return refuse(TOO_MANY_PENDING, first_end)
    end
    room = oldest
  end
end
local rule, opens = take_send(number, client, policy)
if rule then
  return refuse(SEND_LIMIT, rule, opens)
end
if withheld then
  return withheld
end

local superseded = {}
for _, other in ipairs({replaced or room, replaced and room}) do
  remove_live(number, other)
  local record, unreadable = load_record(records .. other)
  if unreadable then
    return {unreadable, clock}
  end
  if record then
    local body = load_body(records .. other, record)
    decide(record, body, SUPERSEDED, now)
    superseded[#superseded + 1] = {records .. other, record, body}
  end
end

local expires = now + lifetime
if kind == VERIFICATION then
  number[RECENT] = string.sub(id .. number[RECENT], 1, 520)
  live[#live + 1] = {id, expires, identity, custom, client}
  number[KEEP] = math.max(number[KEEP], expires + retention)
end
for _, other in ipairs(superseded) do
  end_waiting(KEYS[3], id_of(other[1]), other[2])
  save_record(other[1], other[2], other[3])
end
remember(id, is_sent, 1)
save_limits()
save_number(KEYS[2], number)
-- The record was written as of another moment: these are the places of its times.
local parts, from = {}, 1
for index = 1, #moments, 2 do
  parts[#parts + 1] = string.sub(ARGV[3], from, moments[index] - 1)
  parts[#parts + 1] = struct.pack('>BI8', 207, now + moments[index + 1])
  from = moments[index] + 9
end
parts[#parts + 1] = string.sub(ARGV[3], from)
redis.call('SET', KEYS[1], table.concat(parts), 'PX', ARGV[4])
if is_sent == 1 then
  redis.call('ZADD', KEYS[3], whole(now + lease_for), ARGV[8])
end
return {CREATED_ANSWER, clock}
