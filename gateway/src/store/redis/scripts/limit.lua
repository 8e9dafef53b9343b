-- Takes from, gives back to, or looks at one limit. KEYS: limit. ARGV[2]: the question.
local state, till, opens = ask_limit(ARGV[2], redis.call('GET', KEYS[1]))
if opens then
  return {2, clock, till, opens}
end
if not state then
  return {till, clock}
end
if till and string.byte(ARGV[2]) ~= PEEK then
  save_limit(KEYS[1], state, till)
end
return {1, clock}
