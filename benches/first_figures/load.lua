-- Starts verifications, each for a number and a client address of its own.
-- Arguments: API key, the first number, the pause before each request in ms.
local areas = {201, 202, 212, 213, 303, 305, 312, 404, 415, 503, 602, 617, 702, 713, 718, 805}
local headers = {["Content-Type"] = "application/json"}
local number, pause_ms = 0, 0

function init(arguments)
  headers["Authorization"] = "Bearer " .. arguments[1]
  number = tonumber(arguments[2])
  pause_ms = tonumber(arguments[3])
  if pause_ms > 0 then
    delay = function() return pause_ms end
  end
end

function request()
  number = number + 1
  local area = areas[number % #areas + 1]
  local line = 2000000 + math.floor(number / #areas)
  local address = string.format("73.%d.%d.%d",
    math.floor(number / 65536) % 256, math.floor(number / 256) % 256, number % 256)
  local body = string.format('{"to":"+1%d%d","channel":"sms","client":{"ip":"%s"}}', area, line, address)
  return wrk.format("POST", "/v1/verifications", headers, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("figures %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
