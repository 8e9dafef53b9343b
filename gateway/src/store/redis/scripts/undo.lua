-- Takes back a send that a limit of another slot refused.
-- KEYS: record, ledger, idempotency record (if the request has a key).
local was_created, operation, client, policy = arg[1] == 1, arg[2], arg[3], arg[4]
local fingerprint, refusal, opens = arg[5], arg[6], arg[7]
local id = id_of(KEYS[1])

local entry, unreadable
if KEYS[3] then
  local packed = redis.call('GET', KEYS[3])
  if packed then
    entry, unreadable = open(packed)
  end
end
local record, marker = load_record(KEYS[1])
if marker or unreadable then
  return {marker or unreadable, clock}
end

local undone
if record then
  for ordinal, delivery in ipairs(record[DELIVERIES]) do
    if delivery[OPERATION] == operation then
      undone = ordinal
      break
    end
  end
end
-- Asked again, it finds neither and gives nothing.
if record and (was_created or undone) then
  local body = load_body(KEYS[1], record)
  local number_key = number_key_of(KEYS[1], body)
  local number, broken = load_number(number_key)
  if not number then
    return {broken, clock}
  end
  local states, rules = number[SENDS + client], policy[RULES]
  for index = 1, math.min(#states, #rules / 2) do
    states[index] = math.max(states[index] - rules[2 * index - 1], 0)
  end
  if was_created then
    remove_live(number, id)
    local recent = number[RECENT]
    local at = string.find(recent, id, 1, true)
    if at then
      number[RECENT] = string.sub(recent, 1, at - 1) .. string.sub(recent, at + 26)
    end
    for ordinal in ipairs(record[DELIVERIES]) do
      redis.call('ZREM', KEYS[2], member_of(id, record[EPOCH], ordinal))
    end
    redis.call('DEL', KEYS[1])
  else
    local delivery = record[DELIVERIES][undone]
    close(delivery, D_CANCELED, 'limit')
    delivery[OPERATION] = false
    body[SENDS_USED] = math.max(body[SENDS_USED] - 1, 0)
    body[NEXT_SEND] = now
    keep_due(KEYS[2], id, record, undone)
    save_record(KEYS[1], record, body)
  end
  save_number(number_key, number)
end
-- What another request of this key has come to since is not overwritten.
if KEYS[3] and (not entry or entry[I_OPERATION] == operation) then
  save_idempotency(KEYS[3], {
    now + I_KEPT, fingerprint, I_REFUSED, id, operation, 0, 0, refusal, opens,
  })
end
return {1, clock}
