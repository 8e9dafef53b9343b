-- Records an attempt before its first byte. KEYS: record, ledger.
local ATTEMPTS_MAX = 120
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
local earlier = attempts[attempt_number]
if not earlier then
  if #attempts >= ATTEMPTS_MAX or submissions(delivery) >= policy[SUBMISSIONS_MAX] then
    return stop(TOO_MANY)
  end
  delivery[D_STATUS] = QUEUED
  attempts[#attempts + 1] = begun(provider, delivery[WALK])
elseif earlier[OUTCOME] ~= BEGUN or earlier[PROVIDER] ~= provider then
  return stop(FENCE_LOST)
end
-- Asked again, it renews the lease alone.
delivery[DUE] = LEASE
delivery[DUE_AT] = now + policy[LEASE_MS]
save_record(KEYS[1], record)
keep_due(KEYS[2], id_of(KEYS[1]), record, ordinal)
return {1, clock}
