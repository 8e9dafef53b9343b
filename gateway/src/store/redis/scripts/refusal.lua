-- Why nothing is sent or changed, as it is answered.
local TOO_EARLY, SENDS_EXHAUSTED, TOO_LATE, SEND_LIMIT = 1, 2, 3, 4
local TOO_MANY_PENDING, NOT_PENDING, NOT_FOUND = 5, 6, 8
local REFUSED = 7

local function refuse(why, first, second)
  return {REFUSED, clock, why, first or 0, second or 0}
end
