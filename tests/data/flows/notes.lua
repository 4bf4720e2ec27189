local af = require 'af'
local Note = af.event('note', { n = af.integer })
return af.flow { name = 'notes', args = { most = af.optional(af.integer, 3) }, roles = {
  writer = function() end,
  keeper = { data = function() return { sum = 0 } end, start = 'open', states = {
    open = {
      enter = function(party) party:deadline('late', 60) party:broadcast(Note { n = 0 }) end,
      [Note] = function(party, event)
        party:log('got %d', event.n)
        af.expect(event.n > 0, 'too small')
        party.data.sum = party.data.sum + event.n
        if party.data.sum >= party.args.most then return 'full' end
      end,
      after = { 5, 'open' }, timeout = { late = function() return af.fail 'late' end },
    },
    full = { after = { 1, function(party) return af.done(party.data.sum) end } },
  } } } }
