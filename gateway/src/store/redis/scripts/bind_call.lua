-- Whether a call is the one that was first seen of its attempt, and how often it
-- has asked. KEYS: call. The state: until when it is kept, the call, its questions.
local C_TILL, C_CALL, C_QUESTIONS = 1, 2, 3
local QUESTIONS_COUNTED = 1000
local call, till = arg[1], arg[2]
local packed = redis.call('GET', KEYS[1])
local entry = {till, call, 0}
if packed then
  local kept, marker = open(packed)
  if not kept then
    return {marker, clock}
  end
  if kept[C_TILL] > now then
    entry = kept
  end
end
if entry[C_CALL] ~= call then
  return {1, clock, 0}
end
entry[C_QUESTIONS] = math.min(entry[C_QUESTIONS] + 1, QUESTIONS_COUNTED)
redis.call('SET', KEYS[1], cmsgpack.pack(FORMAT, entry), 'PXAT', entry[C_TILL] - shift)
return {1, clock, entry[C_QUESTIONS]}
