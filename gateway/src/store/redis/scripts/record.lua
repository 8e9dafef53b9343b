-- A record: one string, the format version and then an array.
local EPOCH, KIND, TENANT, NUMBER, STATUS, CREATED, EXPIRES, DECIDED = 1, 2, 3, 4, 5, 6, 7, 8
local CHECKS_USED, CHECKS_MAX, SENDS_USED, NEXT_SEND = 9, 10, 11, 12
local CONVERSION, CLIENT, CUSTOM, DIGEST, DETAILS, CODE, CHECKS, DELIVERIES =
  13, 14, 15, 16, 17, 18, 19, 20
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

local function pack_record(record)
  return cmsgpack.pack(FORMAT, record)
end

-- Its expiry never changes after it was created.
local function save_record(key, record)
  local packed = pack_record(record)
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

local function decide(record, status, at)
  record[STATUS] = status
  record[DECIDED] = at
  record[DIGEST] = false
  record[CODE] = false
end
