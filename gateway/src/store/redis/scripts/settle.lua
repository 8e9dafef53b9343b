-- Records how an attempt ended and what is due. KEYS: record, ledger.
local CONTINUE, NEXT_SUBMITTED, NEXT_RETRY, FAIL = 0, 1, 2, 3
local DELIVERIES_MAX = 12
local ordinal, fence, settled, step, policy = arg[6], arg[7], arg[8], arg[9], arg[10]
local record, marker = load_record(KEYS[1])
if marker then
  return {marker, clock}
end
local delivery = record and record[DELIVERIES][ordinal]
if not delivery then
  return stop(GONE)
end
if delivery[FENCE] ~= fence then
  return stop(FENCE_LOST)
end

local id = id_of(KEYS[1])
local before, before_at = delivery[DUE], delivery[DUE_AT]
local function answer(status, fallback)
  save_record(KEYS[1], record)
  if delivery[DUE] ~= before or delivery[DUE_AT] ~= before_at then
    keep_due(KEYS[2], id, record, ordinal)
  end
  return {1, clock, status, delivery[DUE], delivery[DUE_AT], fallback}
end

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
  delivery[WALK] = math.min(delivery[WALK] + 1, 255)
  delivery[DUE], delivery[DUE_AT] = RETRY, at
  delivery[REASON] = reason
end

-- Nothing is left to try over this channel: the next one's ordinal, or the end and 0.
local function fail(reason, is_final)
  local deliveries = record[DELIVERIES]
  local may_go_on = can_submit(record, policy[QUIET_MS]) and #deliveries < DELIVERIES_MAX
  local reached = final_status(delivery, D_FAILED)
  close(delivery, reached, reached == D_FAILED and reason)
  local channels = delivery[FALLBACK]
  delivery[FALLBACK] = ''
  if may_go_on and channels ~= '' then
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
  if is_final and record[STATUS] == PENDING then
    decide(record, FAILED, now)
  end
  return 0
end

local attempt = settled and delivery[ATTEMPTS][settled[1]]
if attempt and attempt[OUTCOME] == BEGUN then
  attempt[OUTCOME], attempt[DURATION] = settled[2], settled[3]
  attempt[A_CODE], attempt[MESSAGE_ID] = settled[4], settled[5]
end
if delivery[D_STATUS] > SUBMITTED or is_delivered(delivery) then
  close(delivery, final_status(delivery, delivery[D_STATUS]))
  return answer(delivery[D_STATUS], 0)
end
local kind = step[1]
if kind == NEXT_SUBMITTED then
  after_submission(step[2])
elseif kind == NEXT_RETRY then
  retry(step[2], step[3])
elseif kind == FAIL then
  local fallback = fail(step[2], step[3] == 1)
  return answer(delivery[D_STATUS], fallback)
elseif kind ~= CONTINUE then
  finish(record, delivery, step[2], status_now(record))
end
return answer(delivery[D_STATUS], 0)
