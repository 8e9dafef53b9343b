-- A record: one string, the format version and then an array. What dispatch
-- needs stands in it openly; the rest, its body, is packed for itself, so that
-- most steps carry it along unread.
local EPOCH, KIND, STATUS, EXPIRES, DELIVERIES, BODY = 1, 2, 3, 4, 5, 6
local TENANT, NUMBER, CREATED, DECIDED, CHECKS_USED, CHECKS_MAX, SENDS_USED, NEXT_SEND =
  1, 2, 3, 4, 5, 6, 7, 8
local CONVERSION, CLIENT, CUSTOM, DIGEST, DETAILS, CODE, CHECKS = 9, 10, 11, 12, 13, 14, 15
local VERIFICATION = 0
local PENDING, APPROVED, CANCELED, EXPIRED, EXHAUSTED, SUPERSEDED, FAILED = 0, 1, 2, 3, 4, 5, 6

-- The last 26 characters of a record's key are its id in the shard.
local function id_of(key)
  return string.sub(key, -26)
end

local function load_record(key)
  local packed = redis.call('GET', key)
  if not packed then
    return nil
  end
  return open(packed)
end

-- With its body, if that was read. Its expiry never changes after it was created.
local function save_record(key, record, body)
  if body then
    record[BODY] = cmsgpack.pack(body)
  end
  local packed = cmsgpack.pack(FORMAT, record)
  redis.call('SET', key, packed, 'KEEPTTL')
  return packed
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
