-- The usual check: the first one of a verification, with the right code, of a number
-- that nobody has failed to prove. All it asks about lies at places that are known
-- as long as nothing else has happened, so that it unpacks nothing; what is not just
-- so goes on to the rest of the script, and nothing is written yet. ARGV[2] is what
-- that unpacks; ARGV[3] is there if a limit refuses even the first failure.
-- The tags are MessagePack's.
local ABSENT, SHORT_TEXT, TEXT, LONG_TEXT, MOMENT, ONE_DELIVERY = 194, 160, 217, 218, 207, 145
local LEASED, HEAD_LEAST = 1, 195

-- The place after the text that begins here, or after the sign that there is none.
local function after_text(packed, at)
  local tag, high, low = string.byte(packed, at, at + 2)
  if tag == TEXT and high then
    return at + 2 + high
  elseif tag == LONG_TEXT and low then
    return at + 3 + high * 256 + low
  elseif tag == ABSENT then
    return at + 1
  elseif tag and tag >= SHORT_TEXT and tag < SHORT_TEXT + 32 then
    return at + 1 + tag - SHORT_TEXT
  end
end

repeat
  local packed = redis.call('GET', KEYS[1])
  if ARGV[3] or not packed or #packed < HEAD_LEAST then
    break
  end
  local version, room, _, status, kind, tag, expires, deliveries, _, due =
    struct.unpack('>BI2BBBBI8BBB', packed)
  if version ~= FORMAT or status ~= PENDING or kind ~= VERIFICATION or tag ~= MOMENT
    or expires <= now or deliveries ~= ONE_DELIVERY or due > LEASED then
    break
  end
  -- The body: tenant, number, and four fields that say that there was no check.
  local sub, byte, asked = string.sub, string.byte, ARGV[2]
  local at = 1 + PREFIX + room * ROOM_STEP
  local key_length = byte(asked, 30) - SHORT_TEXT
  local digest_end = at + 83 + key_length
  if key_length < 1 or key_length > 31 or byte(asked, 32 + key_length) ~= 32
    or sub(packed, at, at + 11) ~= '\159' .. sub(asked, 2, 10) .. '\217 '
    or sub(packed, at + 44, at + 48) ~= '\0\0\0\144\146'
    or sub(packed, at + 49, digest_end) ~= sub(asked, 30, digest_end - at - 19) then
    break
  end
  local rest = after_text(packed, digest_end + 1)
  -- The details come last, and with them the string ends if it is whole.
  if not rest or after_text(packed, rest + 22) ~= #packed + 1 then
    break
  end
  local number_key = sub(KEYS[1], 1, -29) .. 'n:' .. sub(packed, at + 12, at + 43)
  local number = redis.call('GET', number_key)
  local live = number and byte(number) == FORMAT
    and sub(number, 12, 19) == '\147\0\0\0\147\0\0\0'
    and string.find(number, sub(KEYS[1], -26) .. '\207', 20, true)
  if not live or KEYS[3] and redis.call('EXISTS', unpack(KEYS, 3)) > 0 then
    break
  end
  -- Its live entry expires, and the record is approved: digest and code are gone.
  redis.call('SETRANGE', number_key, live + 26, '\0\0\0\0\0\0\0\0')
  local approved = sub(packed, 1, 4) .. '\1' .. sub(packed, 6, at + 43)
    .. struct.pack('>BBI8BB', 1, MOMENT, now, 1, 146) .. sub(asked, 11, 27)
    .. '\255\194\194' .. sub(packed, rest)
  redis.call('SET', KEYS[1], approved, 'KEEPTTL')
  return {1, clock, approved}
until true
