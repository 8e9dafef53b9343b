-- Adds to an hour's counts of what became of messages. KEYS: the hour.
-- The state: until when it is kept; the batches last added; then for each row its key and three counts.
local ROWS_MAX, OPERATIONS_KEPT, ROW_WIDTH = 1024, 16, 4
local till, operation, rows = arg[1], arg[2], arg[3]
local packed = redis.call('GET', KEYS[1])
local operations, counted = {}, {}
if packed then
  local state, marker = open(packed)
  if not state then
    return {marker, clock}
  end
  operations, counted = state[2], state[3]
end
for _, known in ipairs(operations) do
  if known == operation then
    return {1, clock}
  end
end
operations[#operations + 1] = operation
if #operations > OPERATIONS_KEPT then
  table.remove(operations, 1)
end
local length, place_of = #counted, {}
for place = 1, length, ROW_WIDTH do
  place_of[counted[place]] = place
end
for first = 1, #rows, ROW_WIDTH do
  local key = rows[first]
  if not place_of[key] and length >= ROWS_MAX * ROW_WIDTH then
    -- Its provider and channel, anywhere.
    key = string.sub(key, 1, 1) .. string.rep('\0', 6) .. string.sub(key, 8)
  end
  local place = place_of[key]
  if not place and length < 2 * ROWS_MAX * ROW_WIDTH then
    place = length + 1
    place_of[key] = place
    counted[place] = key
    for column = 1, 3 do
      counted[place + column] = 0
    end
    length = length + ROW_WIDTH
  end
  if place then
    for column = 1, 3 do
      counted[place + column] = counted[place + column] + rows[first + column]
    end
  end
end
if till > now then
  redis.call('SET', KEYS[1], cmsgpack.pack(FORMAT, {till, operations, counted}), 'PXAT', till - shift)
end
return {1, clock}
