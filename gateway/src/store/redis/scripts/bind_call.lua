-- Whether a call is the one that was first seen of its attempt, and how often it
-- has asked. KEYS: call. The state: the call's tag, the questions.
local QUESTIONS_COUNTED = 1000
local call, till = arg[1], arg[2]
local packed = redis.call('GET', KEYS[1])
local questions = 0
if packed then
  local state, marker = open(packed)
  if not state then
    return {marker, clock}
  end
  if state[1] ~= call then
    return {1, clock, 0}
  end
  questions = state[2]
end
questions = math.min(questions + 1, QUESTIONS_COUNTED)
redis.call('SET', KEYS[1], cmsgpack.pack(FORMAT, {call, questions}), 'PXAT', till - shift)
return {1, clock, questions}
