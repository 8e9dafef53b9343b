-- Sending: the share of a number, and one more send of a verification.
local RULES, WAITS, SENDS_MAX, LIVE_MAX, QUIET, LEASE_FOR = 1, 2, 3, 4, 5, 6

-- Takes one from every rule or from none; the refusing rule and when it opens.
local function take_send(number, client, policy)
  local states, rules, now_us = number[SENDS + client], policy[RULES], now * 1000
  local count = #rules / 2
  local refusing, opens
  for index = 1, count do
    local next_us = math.max(states[index] or 0, now_us) + rules[2 * index - 1]
    local from_us = next_us - rules[2 * index]
    if from_us > now_us then
      local from = math.ceil(from_us / 1000)
      if not opens or opens < from then
        refusing, opens = index - 1, from
      end
    end
  end
  if opens then
    return refusing, opens
  end
  local taken = {}
  for index = 1, count do
    taken[index] = math.max(states[index] or 0, now_us) + rules[2 * index - 1]
  end
  number[SENDS + client] = taken
end

local function wait_after(sends_used, waits)
  return waits[sends_used] or waits[#waits] or 0
end
