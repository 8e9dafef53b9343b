-- The other ends of a settle.
-- How much is over when a delivery fails: this try, this channel, or the number.
local OPEN, FINAL_CHANNEL, FINAL_NUMBER = 0, 1, 2
-- A receipt may have come before the submit answer.
local function after_submission(within)
  delivery[REASON] = false
  delivery[LOST] = 0
  if is_wholly_undelivered(delivery) then
    if can_submit(record, policy[QUIET_MS]) then
      delivery[D_STATUS] = SUBMITTED
      delivery[DUE], delivery[DUE_AT] = UNDELIVERED_DUE, now
    else
      close(delivery, UNDELIVERED)
    end
    return
  end
  delivery[D_STATUS] = SUBMITTED
  if within then
    delivery[DUE], delivery[DUE_AT] = RECEIPT_DUE, now + within
  else
    delivery[DUE], delivery[DUE_AT] = NONE, 0
  end
end

local function retry(after, reason)
  local at = now + after
  local status = status_now(record)
  if status ~= PENDING or at >= submit_before(record, policy[QUIET_MS]) then
    finish(record, delivery, reason, status)
    return
  end
  delivery[WALK] = math.min(delivery[WALK] + 1, 4294967295)
  delivery[DUE], delivery[DUE_AT] = RETRY, at
  delivery[REASON] = reason
end

-- Nothing is left to try over this channel: the next one's ordinal, or the end and 0.
local function fail(reason, finality)
  local deliveries = record[DELIVERIES]
  local may_go_on = can_submit(record, policy[QUIET_MS]) and #deliveries < DELIVERIES_MAX
  local reached = final_status(delivery, D_FAILED)
  close(delivery, reached, reached == D_FAILED and reason)
  local channels = delivery[FALLBACK]
  delivery[FALLBACK] = ''
  if finality ~= FINAL_NUMBER and may_go_on and channels ~= '' then
    local wanted = {string.byte(channels) - 48, string.sub(channels, 2), false}
    deliveries[#deliveries + 1] = new_delivery(wanted, policy[LEASE_MS])
    keep_due(KEYS[2], id, record, #deliveries)
    return #deliveries
  end
  for _, other in ipairs(deliveries) do
    if submissions(other) > 0 or other[D_STATUS] <= SUBMITTED then
      return 0
    end
  end
  if finality ~= OPEN and record[STATUS] == PENDING then
    body = load_body(KEYS[1], record)
    decide(record, body, FAILED, now)
    local number_key = number_key_of(KEYS[1], body)
    local number = load_number(number_key)
    if number then
      remove_live(number, id_of(KEYS[1]))
      save_number(number_key, number)
    end
  end
  return 0
end

if delivery[D_STATUS] > SUBMITTED or final_status(delivery, QUEUED) == DELIVERED then
  close(delivery, final_status(delivery, delivery[D_STATUS]))
  return answer(delivery[D_STATUS], 0)
end
if kind == NEXT_SUBMITTED then
  after_submission(step[2])
elseif kind == NEXT_RETRY then
  retry(step[2], step[3])
elseif kind == FAIL then
  local fallback = fail(step[2], step[3])
  return answer(delivery[D_STATUS], fallback)
elseif kind ~= CONTINUE then
  finish(record, delivery, step[2], status_now(record))
end
return answer(delivery[D_STATUS], 0)
