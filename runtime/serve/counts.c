/* counts.c: what was answered, as metrics tell it; each answer comes by here. */
#include "serve/impl.h"

#include "loop/loop.h"

const int af_serve_codes[SERVE_CODES] = {0, 400, 401, 403, 404, 405, 413, 503, 507, -1};

void af_serve_count(struct serve_call *call, int code)
{
    size_t row = SERVE_ENDPOINTS_MAX, column = 0;
    if (call->events != NULL)
        return; /* it was, when it began */
    if (call->endpoint != NULL)
        row = (size_t)(call->endpoint - call->serve->endpoints);
    while (af_serve_codes[column] != code && af_serve_codes[column] != -1)
        column++;
    call->serve->counts.requests[row][column]++;
    af_serve_audit(call, code);
    if (!call->has_waited)
        af_histogram_note(&call->serve->counts.times[row],
                          af_loop_now_ns(call->serve->loop) - call->began_ns);
}
