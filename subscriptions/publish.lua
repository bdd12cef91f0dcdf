-- Append consecutive events to the stream, once each, or change nothing.
--
-- KEYS[1]  the stream
-- ARGV     epoch, begin ("1": replace what does not continue), max length, offset of the first, payloads ...
-- returns  {1} when the stream now holds them all, else {0, epoch or false, last offset}
--
-- One script, because "where does the stream end" and "append behind it" must not be separated: a publisher that
-- repeats itself, or a second publisher, then neither doubles an entry nor leaves a hole.

local key, epoch, begin, max_length = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3]
local first = tonumber(ARGV[4])

local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
local held_epoch, held = false, 0
if newest then
  held_epoch = newest[2][2]
  held = tonumber(string.match(newest[1], '^%d+'))
end

local other_history = newest and held_epoch ~= epoch
if other_history or first > held + 1 then
  if not begin then
    return {0, held_epoch, held}
  end
  redis.call('UNLINK', key)
  held = first - 1
end

for index = 5, #ARGV do
  local offset = first + index - 5
  if offset > held then
    redis.call('XADD', key, 'MAXLEN', '~', max_length, string.format('%.0f-0', offset), 'e', epoch, 'p', ARGV[index])
  end
end
return {1}
