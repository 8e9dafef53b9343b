-- Sends a verification once more: nil and the ordinal, or the refusal.
local function send_again(record, body, number, ask)
  for ordinal, delivery in ipairs(record[DELIVERIES]) do
    if delivery[OPERATION] == ask.operation then
      return nil, ordinal
    end
  end
  local policy = ask.policy
  -- Sends taken back leave their deliveries behind, so these have a bound too.
  if body[SENDS_USED] >= policy[SENDS_MAX] or #record[DELIVERIES] >= DELIVERIES_MAX then
    return refuse(SENDS_EXHAUSTED, submit_before(record, policy[QUIET]))
  end
  if now < body[NEXT_SEND] then
    return refuse(TOO_EARLY, body[NEXT_SEND])
  end
  local rule, opens = take_send(number, ask.client, policy)
  if rule then
    return refuse(SEND_LIMIT, rule, opens)
  end
  body[SENDS_USED] = body[SENDS_USED] + 1
  body[NEXT_SEND] = now + wait_after(body[SENDS_USED], policy[WAITS])
  if not ask.delivery then
    return nil, 0
  end
  local delivery = new_delivery(ask.delivery, policy[LEASE_FOR])
  -- The first provider is chosen and begun in a step of its own.
  delivery[ATTEMPTS] = {}
  delivery[OPERATION] = ask.operation
  table.insert(record[DELIVERIES], delivery)
  return nil, #record[DELIVERIES], true
end
