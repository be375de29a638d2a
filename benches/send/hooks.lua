-- The load: Okta's telephony hook, each time for another code, person and number.
--
-- Arguments: the phase, so that no number comes twice in a run, and the mean pause of each connection in microseconds.

-- Valid British mobile numbers, enough for every phase: +447400000000 to +447449999999.
local FIRST_NUMBER = 447400000000
local NUMBERS_PER_PHASE = 450000

local PATTERN = table.concat({
    '{"eventId":"bench-%d-%d","eventTime":"2026-03-02T09:15:30.000Z",',
    '"eventType":"com.okta.telephony.provider","eventTypeVersion":"1.0","contentType":"application/json",',
    '"cloudEventVersion":"0.1","source":"https://bench.okta.example/api/v1/inlineHooks/cal0000000000000001",',
    '"requestType":"com.okta.user.telephony.mfa-verification","data":{"context":{"request":{',
    '"id":"req%020d","method":"POST","url":{"value":"/idp/idx/challenge"},"ipAddress":"203.0.113.7"}},',
    '"userProfile":{"firstName":"Ada","lastName":"Bell","login":"ada.bell@bench.example","userId":"00u%017d"},',
    '"messageProfile":{"msgTemplate":"Your code is %06d","phoneNumber":"+%.0f",',
    '"otpExpires":"2026-03-02T09:20:25.057Z","deliveryChannel":"SMS","otpCode":"%06d","locale":"EN-US"}}}',
})

local phase
local sent = 0

function init(args)
    phase = tonumber(args[1])
    local pause = tonumber(args[2])
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Accept"] = "application/json"
    if pause > 0 then
        math.randomseed(phase + 1)
        -- In whole milliseconds, spread evenly around the mean, so that connections do not move in step.
        function delay()
            return math.floor(math.random() * 2 * pause / 1000 + 0.5)
        end
    end
end

function request()
    sent = sent + 1
    local person = phase * NUMBERS_PER_PHASE + sent
    local code = person % 1000000
    local body = string.format(PATTERN, phase, sent, person, person, code, FIRST_NUMBER + person, code)
    return wrk.format(nil, nil, nil, body)
end

-- One line for the driver: requests, microseconds, failures, and latencies in microseconds.
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("result %d %d %d %d %d\n", summary.requests, summary.duration, failed,
        latency:percentile(50), latency:percentile(99)))
end
