-- Records an attempt before its first byte. KEYS: record, ledger.
local ATTEMPTS_MAX, ATTEMPTS_KEPT = 120, 16
local ordinal, fence, attempt_number, provider, policy = arg[1], arg[2], arg[3], arg[4], arg[5]
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
if delivery[D_STATUS] > SUBMITTED then
  return stop(CLOSED, delivery[D_STATUS])
end
local status = status_now(record)
if status ~= PENDING then
  return stop(STOP_NOT_PENDING, status)
end
if now >= submit_before(record, policy[QUIET_MS]) then
  return stop(STOP_TOO_LATE)
end
local attempts = delivery[ATTEMPTS]
local earlier = attempt_of(delivery, attempt_number)
if not earlier then
  if attempt_number ~= #attempts + (delivery[FOLDED] or 0) + 1 then
    return stop(FENCE_LOST)
  end
  if #attempts >= ATTEMPTS_MAX or submissions(delivery) >= policy[SUBMISSIONS_MAX] then
    return stop(TOO_MANY)
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
elseif earlier[OUTCOME] ~= BEGUN or earlier[PROVIDER] ~= provider then
  return stop(FENCE_LOST)
end
-- Asked again, it renews the lease alone.
delivery[DUE] = LEASE
delivery[DUE_AT] = now + policy[LEASE_MS]
save_record(KEYS[1], record)
keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
return {1, clock}
