-- Records an attempt before its first byte, and how the one before it ended if
-- that is not written down yet. KEYS: record, ledger.
local ATTEMPTS_MAX, ATTEMPTS_KEPT = 120, 16
local ordinal, fence, attempt_number, provider, policy, settled =
  arg[1], arg[2], arg[3], arg[4], arg[5], arg[6]
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
-- Who asks must know the attempts: the one that begins is the next one, or was
-- begun by the same question.
local attempts, earlier = delivery[ATTEMPTS], attempt_of(delivery, attempt_number)
if earlier then
  if earlier[OUTCOME] ~= BEGUN or earlier[PROVIDER] ~= provider then
    return stop(FENCE_LOST)
  end
elseif attempt_number ~= #attempts + (delivery[FOLDED] or 0) + 1 then
  return stop(FENCE_LOST)
end
local ended = settled and attempt_of(delivery, settled[1])
if settled and not ended then
  return stop(FENCE_LOST)
end
if ended and ended[OUTCOME] == BEGUN then
  ended[OUTCOME], ended[DURATION] = settled[2], settled[3]
  ended[A_CODE], ended[MESSAGE_ID] = settled[4], settled[5]
end

-- Even where nothing begins, what had ended is written down.
local function stop_there(why, status)
  if settled then
    save_record(KEYS[1], record)
  end
  return stop(why, status)
end
if delivery[D_STATUS] > SUBMITTED then
  return stop_there(CLOSED, delivery[D_STATUS])
end
local status = status_now(record)
if status ~= PENDING then
  return stop_there(STOP_NOT_PENDING, status)
end
if now >= submit_before(record, policy[QUIET_MS]) then
  return stop_there(STOP_TOO_LATE)
end
if not earlier then
  if #attempts >= ATTEMPTS_MAX or submissions(delivery) >= policy[SUBMISSIONS_MAX] then
    return stop_there(TOO_MANY)
  end
  delivery[D_STATUS] = QUEUED
  local attempt = begun(provider, delivery[WALK])
  attempt[A_NUMBER] = delivery[FOLDED] and attempt_number
  attempts[#attempts + 1] = attempt
  -- Forgets the oldest attempts that nobody will ask for: they certainly reached
  -- nobody, belong to an earlier walk, and a later one tells that their provider
  -- was tried.
  local place = true
  while place and #attempts > ATTEMPTS_KEPT do
    local seen = {}
    place = nil
    for index = #attempts, 1, -1 do
      local old = attempts[index]
      if seen[old[PROVIDER]] and not counts(old) and not old[RECEIPT]
        and old[A_WALK] < delivery[WALK] then
        place = index
      end
      seen[old[PROVIDER]] = true
    end
    if place and not delivery[FOLDED] then
      delivery[FOLDED] = 0
      for number, old in ipairs(attempts) do
        old[A_NUMBER] = number
      end
    end
    if place then
      delivery[FOLDED] = delivery[FOLDED] + 1
      table.remove(attempts, place)
    end
  end
end
-- Asked again, it renews the lease alone.
delivery[DUE] = LEASE
delivery[DUE_AT] = now + policy[LEASE_MS]
save_record(KEYS[1], record)
keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
return {1, clock}
