local af = require 'af'
local Note = af.event('note', { text = af.string })
local Later = af.event('later', { text = af.string })
local Go = af.event('go', {})
local Arm = af.event('arm', { name = af.string, seconds = af.optional(af.number) })
local Wait = af.event('wait', {})
local Raise = af.event('raise', {})
local Give = af.event('give', {})
local Finish = af.event('finish', {})
local Odd = af.event('odd', {})
local function note(party, event, from)
  party:log('%s(%s)', event.text, tostring(from))
  party.data.count = party.data.count + 1
  party:send('b', Note { text = 're ' .. event.text })
end
local function arm(party, event) party:deadline(event.name, event.seconds) end
local function finish(party)
  party:send('c', Note { text = 'bye' })
  return af.done { count = party.data.count }
end
local timeout = {
  soon = function(party) party:log('soon') end,
  late = function(party) party:log('late') end,
}
local many = { ['one more'] = 'second' }
for i = 0, 9999 do many['d' .. i] = 'second' end
return af.flow {
  name = 't', mock = { server = 1, client = 2 },
  roles = {
    server = {
      data = function() return { count = 0 } end,
      start = 'first',
      states = {
        first = {
          enter = function(party) party:log('enter') end,
          [Note] = note, [Arm] = arm, [Finish] = finish,
          [Go] = function() return 'second' end,
          [Wait] = function(party)
            party.data.count = party.data.count + 100
            local url = party:upload_file(af.content('bytes'))
            party:log('got %s', url)
            party:send('b', Note { text = url })
          end,
          [Raise] = function(party)
            party.data.count = -1
            party:send('b', Note { text = 'never' })
            error('on purpose')
          end,
          [Give] = function(party)
            party:send('b', Note { text = 'sorry' })
            return af.fail 'enough'
          end,
          [af.PartyFailed] = function(party, event) party:log('lost %s', event.peer_id) end,
          defer = { Later }, timeout = timeout,
        },
        second = {
          [Note] = note, [Later] = note, [Finish] = finish,
          [Go] = 'second', [Odd] = function() end, [Arm] = arm,
          after = { 5, function(party) party:log('after') end },
          timeout = { soon = timeout.soon },
          ignore = { Raise }, may_end = true,
        },
        third = { timeout = many },
      },
    },
    client = { start = 'idle', states = { idle = { ignore = { Note }, may_end = true } } },
  },
}
