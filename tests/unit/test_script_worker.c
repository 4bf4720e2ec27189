/* test_script_worker.c: flows in worker processes: the real program, jailed, and what comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <cmocka.h>

#include "../lib/worker.h"

static const char flow[] =
    "local af = require 'af'\n"
    "local Ask = af.event('ask', { number = af.integer, text = af.optional(af.string) })\n"
    "local Reply = af.event('reply', { number = af.integer })\n"
    "local Slow = af.event('slow', {})\n"
    "print('hello from the file')\n"
    "return af.flow {\n"
    "  name = 'numbers', version = 3, args = { first = af.optional(af.integer) },\n"
    "  roles = {\n"
    "    initiator = { start = 'waiting', data = function(party)\n"
    "        return { sum = 0, seen = {} } end,\n"
    "      states = {\n"
    "        waiting = {\n"
    "          enter = function(party) party:deadline('soon', 5) end,\n"
    "          after = { 60, 'waiting' },\n"
    "          timeout = { soon = function(party) party.data.sum = -1 return 'late' end },\n"
    "          [Ask] = function(party, event, from)\n"
    "            party.data.sum = party.data.sum + event.number\n"
    "            party.data.seen[#party.data.seen + 1] = from\n"
    "            party:send(from, Reply { number = math.random(1000) })\n"
    "            party:broadcast(Reply { number = party.data.sum })\n"
    "            print('asked', event.number, af.uuid(), af.now())\n"
    "            if event.number == 13 then error('unlucky') end\n"
    "            if event.number == 14 then return af.done { sum = party.data.sum } end\n"
    "            if event.number == 15 then return af.fail('no more') end\n"
    "            if event.number == 16 then return 'late' end\n"
    "          end,\n"
    "          [Slow] = function(party) while true do ('x'):rep(1000):find(('.-'):rep(20)..'y') "
    "end end,\n"
    "        },\n"
    "        late = { may_end = true, ignore = { Ask, Reply, Slow } },\n"
    "      } },\n"
    "    participant = { start = 'resting', states = { resting = { may_end = true,\n"
    "      [Reply] = function(party, event) party.data.last = event.number end } } },\n"
    "  },\n"
    "}\n";

static void test_x(void **state)
{
    (void)state;
    struct test_worker test;
    struct test_result result = {0};
    start_flow(&test, flow, 0);
    puts(test.log);
    struct af_script *script = new_script(&test);
    struct af_script_party *party = new_party(script, 0, NULL);
    struct af_input input = start_input();
    deliver(&test, party, &input, &result);
    puts(result.all);
    input = event_input(script, "ask", "{\"type\":\"ask\",\"number\":4}", "a", 1);
    deliver(&test, party, &input, &result);
    puts(result.all);
    release_result(&result);
    af_script_party_free(party);
    af_script_free(script);
    stop(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
