-- What is known about one (tenant, number): when it may be forgotten, the
-- failures of known and of unknown clients, the live verifications, the last ids
-- as one string of 26 characters each, and the sends of known and of unknown
-- clients. A live one that expires at 0 is no longer live: `check_first.lua`.
local KEEP, FAILURES, LIVE, RECENT, SENDS = 1, 2, 4, 5, 6
local LIVE_ID, LIVE_EXPIRES, LIVE_IDENTITY, LIVE_CUSTOM, LIVE_CLIENT = 1, 2, 3, 4, 5
local FAILED_COUNT, FAILED_NEXT, FAILED_LAST = 1, 2, 3
local FAILURES_KEPT = 7776000000

local function load_number(key)
  local packed = redis.call('GET', key)
  if not packed then
    return {0, {0, 0, 0}, {0, 0, 0}, {}, '', {}, {}}
  end
  return open(packed)
end

-- It lives as long as anything in it means something.
local function save_number(key, number)
  local till = math.max(number[KEEP], now + 1000)
  for class = 0, 1 do
    for _, state in ipairs(number[SENDS + class]) do
      if state > till * 1000 then
        till = math.ceil(state / 1000)
      end
    end
    local failures = number[FAILURES + class]
    if failures[FAILED_COUNT] > 0 and failures[FAILED_LAST] + FAILURES_KEPT > till then
      till = failures[FAILED_LAST] + FAILURES_KEPT
    end
  end
  redis.call('SET', key, cmsgpack.pack(FORMAT, number), 'PXAT', whole(till - shift))
end

local function remove_live(number, id)
  for index, live in ipairs(number[LIVE]) do
    if live[LIVE_ID] == id then
      table.remove(number[LIVE], index)
      return
    end
  end
end
