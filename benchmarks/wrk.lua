-- What wrk sends and what it tells in the end, as one line of JSON. Arguments: the status that is right, and for
-- requests with a body a word that no other run has (it goes into what must be unique), or a file of bodies.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  expected = tonumber(args[1])
  wrong = 0
  if args[2] == "patients" then
    local run, made = args[3], 0
    request = function()
      made = made + 1
      return wrk.format("POST", nil, nil, string.format(
        '{"given_name": "José", "family_name": "Núñez", "birth_date": "1984-02-29", "gender": "male",' ..
        ' "medical_record_number": "%s-%d", "phone": "+49 30 %07d", "email": "nunez.%s.%d@example.org",' ..
        ' "address": "12 Harbour Street"}', run, made, made, run, made))
    end
  elseif args[2] == "logins" then
    local people, turn = tonumber(args[4]), 0
    request = function()
      turn = turn % people + 1
      return wrk.format("POST", nil, nil, string.format("username=doctor%d%%40example.org&password=%s", turn, args[3]))
    end
  elseif args[2] == "paths" then
    local turn, count = 0, #args - 2
    request = function()
      turn = turn % count + 1
      return wrk.format("GET", args[turn + 2])
    end
  end
  if expected ~= 200 then
    response = function(status)
      if status ~= expected then wrong = wrong + 1 end
    end
  end
end

function done(summary, latency)
  local unexpected = 0
  for _, thread in ipairs(threads) do unexpected = unexpected + thread:get("wrong") end
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "wrong": %d, "broken": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + unexpected, errors.connect + errors.read + errors.write + errors.timeout))
end
