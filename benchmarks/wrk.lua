-- What wrk sends, and what it tells in the end as one line of JSON. Arguments: the status that is right, what to make
-- up (or `nothing`), and a word that no other run has. A status of 400 and over is always wrong.

local threads = {}

local function patient(run, number)
  return wrk.format("POST", "/patients", nil, string.format(
    '{"given_name": "José", "family_name": "Núñez", "birth_date": "1984-02-29", "gender": "male",' ..
    ' "medical_record_number": "%s-%d", "phone": "+49 30 %07d", "email": "nunez.%s.%d@example.org",' ..
    ' "address": "12 Harbour Street"}', run, number, number, run, number))
end

local makers = {}

function makers.patients(turn, args)
  return patient(args[3], turn)
end

-- Further arguments: the password, and how many doctors there are.
function makers.logins(turn, args)
  local who = turn % tonumber(args[5]) + 1
  return wrk.format("POST", nil, nil, string.format("username=doctor%d%%40example.org&password=%s", who, args[4]))
end

local questions = {
  "q=nun+jos", "q=mar", "q=smi&gender=female", "q=a+b+c&active=true", "q=mar&sort=-birth_date", "sort=family_name",
  "sort=given_name,-created_at", "gender=other", "unassigned=true", "unassigned=true&sort=phone", "doctor_id=1",
  "birth_date=1984-02-29&total=true",
}

-- Further argument: how many patients there are.
function makers.mixture(turn, args)
  local kind = turn % 20
  if kind == 0 then
    return patient(args[3], turn)
  elseif kind < 5 then
    return wrk.format("GET", "/patients?limit=50")
  elseif kind < 7 then
    return wrk.format("GET", "/patients?" .. questions[math.random(#questions)])
  end
  return wrk.format("GET", "/patients/" .. turn % tonumber(args[4]) + 1)
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local expected, make, turn = tonumber(args[1]), makers[args[2]], 0
  wrong = 0
  if make then
    request = function()
      turn = turn + 1
      return make(turn, args)
    end
  end
  if expected ~= 200 then
    response = function(status)
      if status < 400 and status ~= expected then wrong = wrong + 1 end
    end
  end
end

function done(summary, latency)
  local errors, wrong = summary.errors, summary.errors.status
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong") end
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "wrong": %d, "broken": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, wrong,
    errors.connect + errors.read + errors.write + errors.timeout))
end
