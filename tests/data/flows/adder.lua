local af = require 'af'
local Add = af.event('add', { n = af.integer { min = 1 } })
local Draw = af.event('draw', {})
local Bad = af.event('bad', { how = af.string })
local Up = af.event('up', {})
local Tell = af.event('tell', { n = af.integer })
af.event('odd', {})
return af.flow {
  name = 'adder', version = 3,
  args = { step = af.optional(af.integer { min = 1 }, 1), name = af.optional(af.string, '') },
  mock = { adder = 2, peer = 1 },
  report_failure = false,
  roles = {
    adder = {
      data = function(party) return { sum = 0, step = party.args.step } end,
      start = 'open',
      states = {
        open = {
          after = { 2.5, 'closed' },
          [Add] = function(party, event, from)
            party.data.sum = party.data.sum + event.n * party.args.step
            party.data.from = from or af.null
            party:log('sum %d', party.data.sum)
            party:send({ 'p', 'a2', 'p' }, Tell { n = party.data.sum })
            party:deadline('soon', 1.5)
            party:report_progress(40)
            if event.n == 99 then return 'closed' end
          end,
          [Draw] = function(party)
            party.data.drawn = { af.uuid(), math.random(1 << 40), math.random() }
            party:broadcast(Tell { n = 1 })
          end,
          [Bad] = function(party, event)
            party.data.sum = -1
            party.data.junk = {}
            party:send('p', Tell { n = -1 })
            party:log('told')
            if event.how == 'error' then error('on purpose') end
            if event.how == 'table' then error({}) end
            if event.how == 'function' then party.data.junk.f = print return end
            if event.how == 'data' then party.data = 5 return end
            if event.how == 'state' then return 'nowhere' end
            if event.how == 'result' then return 5 end
            if event.how == 'target' then party:send('nobody', Tell { n = 1 }) end
            if event.how == 'field' then party:send('p', Tell { n = 'x' }) end
            if event.how == 'expect' then af.expect(false, 'as expected') end
            if event.how == 'done' then return af.done { sum = party.data.sum } end
            if event.how == 'fail' then return af.fail 'enough' end
          end,
          [Up] = function(party)
            party.data.sum = party.data.sum + 1000
            local ok, got = pcall(party.upload_file, party, af.content('x\0y'))
            party.data.got = got
            party.data.ok = ok
          end,
          timeout = { soon = function(party) return 'closed' end },
        },
        closed = {
          enter = function(party) party.data.was = party.state end,
          ignore = { Add }, defer = { Draw }, may_end = true,
        },
      },
    },
    peer = { start = 'idle', states = { idle = { ignore = { Tell }, may_end = true } } },
  },
  invariants = {
    ['b sums are small'] = function(world)
      for _, party in ipairs(world:with_role('adder')) do
        if party.data.sum > 100 then return false end
      end
      return true
    end,
    ['a nobody is lost'] = function(world)
      assert(world.parties.p.ended ~= 'lost', 'p is lost')
      return true
    end,
    ['c it is read-only'] = function(world)
      return not pcall(function() world.parties.p.data.x = 1 end)
    end,
  },
}
