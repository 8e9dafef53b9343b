-- A record: one string. The format version, two bytes with the room of the
-- head in steps of 64 bytes, the head and what room it does not use, the body.
-- Both are arrays. The head is what dispatch needs: it is read and overwritten in place,
-- and the body, which is longer, lies still. Redis hashes every byte of every
-- string a script touches, so what is not touched is what is saved. Their order is
-- what `check_first.lua` relies on.
local STATUS, KIND, EXPIRES, DELIVERIES, EPOCH, ROOM = 1, 2, 3, 4, 5, 6
local PREFIX, ROOM_FIRST, ROOM_STEP = 3, 192, 64
local TENANT, NUMBER, CHECKS_USED, DECIDED, CONVERSION, CHECKS, DIGEST, CODE =
  1, 2, 3, 4, 5, 6, 7, 8
local CREATED, CHECKS_MAX, SENDS_USED, NEXT_SEND, CLIENT, CUSTOM, DETAILS =
  9, 10, 11, 12, 13, 14, 15
local VERIFICATION = 0
local PENDING, APPROVED, CANCELED, EXPIRED, EXHAUSTED, SUPERSEDED, FAILED = 0, 1, 2, 3, 4, 5, 6

-- The last 26 characters of a record's key are its id in the shard.
local function id_of(key)
  return string.sub(key, -26)
end

-- The head, or nothing; with a reason if it is there but cannot be read.
local function load_record(key)
  local packed = redis.call('GETRANGE', key, 0, PREFIX + ROOM_FIRST - 1)
  if packed == '' then
    return nil
  end
  local version, high, low = string.byte(packed, 1, PREFIX)
  if version ~= FORMAT then
    return nil, UNKNOWN_FORMAT
  end
  local room = ((high or 0) * 256 + (low or 0)) * ROOM_STEP
  if room > ROOM_FIRST then
    packed = redis.call('GETRANGE', key, 0, PREFIX + room - 1)
  end
  local is_whole, _, record = pcall(cmsgpack.unpack_one, packed, PREFIX)
  if not is_whole or type(record) ~= 'table' then
    return nil, DAMAGED
  end
  return record
end

local function load_body(key, record)
  return cmsgpack.unpack(redis.call('GETRANGE', key, PREFIX + record[ROOM] * ROOM_STEP, -1))
end

-- With its body, if that was read. Its expiry never changes after it was created.
local function save_record(key, record, body)
  local head, room = cmsgpack.pack(record), record[ROOM] * ROOM_STEP
  if #head <= room and not body then
    redis.call('SETRANGE', key, PREFIX, head)
    return
  end
  local rest = body and cmsgpack.pack(body) or redis.call('GETRANGE', key, PREFIX + room, -1)
  if #head > room then
    room = room + ROOM_STEP * math.ceil((#head + 8 - room) / ROOM_STEP)
    record[ROOM] = room / ROOM_STEP
    head = cmsgpack.pack(record)
  end
  local steps = record[ROOM]
  local prefix = string.char(FORMAT, math.floor(steps / 256), steps % 256)
  redis.call('SET', key, prefix .. head .. string.rep('\0', room - #head) .. rest, 'KEEPTTL')
end

local function status_now(record)
  local status = record[STATUS]
  if status == PENDING and now >= record[EXPIRES] then
    return EXPIRED
  end
  return status
end

local function submit_before(record, quiet)
  if record[KIND] == VERIFICATION then
    return record[EXPIRES] - quiet
  end
  return record[EXPIRES]
end

local function decide(record, body, status, at)
  record[STATUS] = status
  body[DECIDED] = at
  body[DIGEST] = false
  body[CODE] = false
end

-- The number's key stands in the shard of the record's.
local function number_key_of(record_key, body)
  return string.sub(record_key, 1, -29) .. 'n:' .. body[NUMBER]
end
