-- Limits that are part of a step. Every one is asked; what they say counts once
-- the step would act. The asked part names the questions, and the place before
-- the first limit's key.
local WITHHELD = 8
local states, withheld = {}, nil
for index, question in ipairs(questions) do
  local key = KEYS[limits_from + index]
  local state, till, opens = ask_limit(question, redis.call('GET', key))
  if opens then
    withheld = withheld or {WITHHELD, clock}
    table.insert(withheld, index - 1)
    table.insert(withheld, till)
    table.insert(withheld, opens)
  elseif not state then
    return {till, clock}
  elseif till then
    states[#states + 1] = {key, state, till}
  end
end

local function save_limits()
  for _, state in ipairs(states) do
    save_limit(state[1], state[2], state[3])
  end
end
