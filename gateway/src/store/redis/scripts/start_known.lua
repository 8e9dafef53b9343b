-- A start about whose number, limits or idempotency key something is known.
local WITHHELD = 8
local id = string.sub(KEYS[1], -26)
local idempotency_key = KEYS[4 + limits]
local wants_new, operation, fingerprint, identity, custom, wanted, policy, questions, moments =
  unpack(cmsgpack.unpack(ARGV[9]))

-- Every limit is asked; what they say counts once the send would be made.
local states, withheld = {}, nil
for index, question in ipairs(questions) do
  local key = KEYS[3 + index]
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
