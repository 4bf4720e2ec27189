local af = require 'af'
return af.flow { name = 'slow', mock = { sleeper = 1 }, roles = { sleeper = {
  start = 'asleep', states = { asleep = { after = { 31536000, 'asleep' } } },
} } }
