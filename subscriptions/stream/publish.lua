-- Append consecutive events to the stream, once each, or change nothing.
--
-- KEYS[1]  the stream
-- ARGV     epoch, begin ("1": replace what does not continue), max length, offset of the first, payloads ...
-- returns  {1} when the stream now holds them all, else {0, epoch or false, last offset}
--
-- One script, because "where does the stream end" and "append behind it" must not be separated: a publisher that
-- repeats itself, or a second publisher, then neither doubles an entry nor leaves a hole.
--
-- What somebody else did to the stream is mended here. An entry that is not ours has an id of the clock, behind which
-- none of ours fits: it is another history, which whoever begins replaces. Redis remembers the id of an entry that was
-- deleted from the end, and takes none before it: the stream is written anew.

-- The greatest id that the stream ever had; nil: there is none.
local function last_id(stream)
  local facts = redis.pcall('XINFO', 'STREAM', stream)
  for index = 1, #facts, 2 do
    if facts[index] == 'last-generated-id' then
      return facts[index + 1]
    end
  end
end

-- XSETID would do, but from version 8 on no longer.
local function written_anew(stream)
  local entries = redis.call('XRANGE', stream, '-', '+')
  redis.call('UNLINK', stream)
  for _, entry in ipairs(entries) do
    redis.call('XADD', stream, entry[1], unpack(entry[2]))
  end
end

local key, epoch, begin, max_length = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3]
local first = tonumber(ARGV[4])

local newest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
local held_epoch, held = false, 0
if newest then
  local fields = newest[2]
  held_epoch = fields[1] == 'e' and fields[3] == 'p' and string.match(newest[1], '^%d+-0$') and fields[2]
  held = tonumber(string.match(newest[1], '^%d+'))
end

local other_history = newest and held_epoch ~= epoch
if other_history or first > held + 1 then
  if not begin then
    return {0, held_epoch, held}
  end
  redis.call('UNLINK', key)
  held = first - 1
else
  local last = last_id(key)
  if last and not newest then
    redis.call('UNLINK', key)
  elseif newest and last ~= newest[1] then
    written_anew(key)
  end
end

for index = 5, #ARGV do
  local offset = first + index - 5
  if offset > held then
    redis.call('XADD', key, 'MAXLEN', '~', max_length, string.format('%.0f-0', offset), 'e', epoch, 'p', ARGV[index])
  end
end
return {1}
