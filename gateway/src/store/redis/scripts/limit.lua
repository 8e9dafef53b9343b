-- Takes from, gives back to, or looks at one limit. KEYS: limit.
-- A rule is three numbers: rate, interval and tolerance in us; or daily, its
-- maximum and nothing. A state is two: rate and the arrival time; or daily and
-- the day, with the count behind it. Beside them stand the last operation that
-- took and the last that gave back: asked again, each changes nothing more.
local TAKE, PEEK, GIVE_BACK = 0, 1, 2
-- It outlives the last question, which may be asked again.
local KEPT_MIN = 10000
local RATE, DAILY, DAY = 0, 1, 86400000
local step, operation, rules = arg[1], arg[2], arg[3]
local packed = redis.call('GET', KEYS[1])
local last_taken, last_given_back, states = false, false, {}
if packed then
  local state, marker = open(packed)
  if not state then
    return {marker, clock}
  end
  last_taken, last_given_back, states = state[1], state[2], state[3]
end
if step == TAKE and last_taken == operation or step == GIVE_BACK and last_given_back == operation then
  return {1, clock}
end
local today = (now - now % DAY) / DAY
local now_us = now * 1000
local fitted = {}
for index = 1, #rules, 3 do
  local old_kind, first, second = states[index], states[index + 1], states[index + 2]
  local kind = rules[index]
  if kind == RATE then
    first, second = old_kind == RATE and first or 0, 0
  elseif old_kind ~= DAILY or first ~= today then
    first, second = today, 0
  end
  fitted[index], fitted[index + 1], fitted[index + 2] = kind, first, second
end

local function save()
  local till = now + KEPT_MIN
  for index = 1, #fitted, 3 do
    local of_rule = (fitted[index + 1] + 1) * DAY
    if fitted[index] == RATE then
      of_rule = math.ceil(fitted[index + 1] / 1000)
    end
    till = math.max(till, of_rule)
  end
  local state = {last_taken, last_given_back, fitted}
  redis.call('SET', KEYS[1], cmsgpack.pack(FORMAT, state), 'PXAT', till - shift)
end

if step == GIVE_BACK then
  for index = 1, #rules, 3 do
    if rules[index] == RATE then
      fitted[index + 1] = math.max(fitted[index + 1] - rules[index + 1], 0)
    else
      fitted[index + 2] = math.max(fitted[index + 2] - 1, 0)
    end
  end
  last_given_back = operation
  save()
  return {1, clock}
end
local refusing, opens
for index = 1, #rules, 3 do
  local from
  if rules[index] == RATE then
    local from_us = math.max(fitted[index + 1], now_us) + rules[index + 1] - rules[index + 2]
    from = from_us > now_us and math.ceil(from_us / 1000)
  else
    from = fitted[index + 2] >= rules[index + 1] and (fitted[index + 1] + 1) * DAY
  end
  if from and (not opens or opens < from) then
    refusing, opens = (index - 1) / 3, from
  end
end
if opens then
  return {2, clock, refusing, opens}
end
if step == TAKE then
  for index = 1, #rules, 3 do
    if rules[index] == RATE then
      fitted[index + 1] = math.max(fitted[index + 1], now_us) + rules[index + 1]
    else
      fitted[index + 2] = math.min(fitted[index + 2] + 1, 4294967295)
    end
  end
  last_taken = operation
  save()
end
return {1, clock}
