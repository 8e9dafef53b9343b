-- What the steps of dispatch have in common.
local STOPPED = 2
local FENCE_LOST, CLOSED, STOP_NOT_PENDING, STOP_TOO_LATE, TOO_MANY, GONE = 1, 2, 3, 4, 5, 6
local SUBMISSIONS_MAX, LEASE_MS, QUIET_MS, LOST_MAX = 1, 2, 3, 4

local function stop(why, status)
  return {STOPPED, clock, why, status or 0}
end

-- Whether an attempt may have reached the person.
local function counts(attempt)
  local outcome = attempt[OUTCOME]
  return outcome == BEGUN or outcome == SUBMITTED_OUTCOME or outcome == UNKNOWN
end

local function submissions(delivery)
  local count = 0
  for _, attempt in ipairs(delivery[ATTEMPTS]) do
    if counts(attempt) then
      count = count + 1
    end
  end
  return count
end

local function is_wholly_undelivered(delivery)
  local counted = 0
  for _, attempt in ipairs(delivery[ATTEMPTS]) do
    if counts(attempt) then
      counted = counted + 1
      if not attempt[RECEIPT] or attempt[RECEIPT][1] ~= RECEIPT_UNDELIVERED then
        return false
      end
    end
  end
  return counted > 0
end

-- Ends a delivery whose verification ended or whose last minute began.
local function finish(record, delivery, reason, status)
  local otherwise = D_CANCELED
  if status == PENDING then
    otherwise = D_FAILED
  elseif status == EXPIRED or now >= record[EXPIRES] then
    otherwise = D_EXPIRED
  end
  local reached = final_status(delivery, otherwise)
  close(delivery, reached, reached == D_FAILED and reason)
end

local function can_submit(record, quiet)
  return status_now(record) == PENDING and now < submit_before(record, quiet)
end
