/* bus_http.c: the platform's service; its row in the table, to be filled in. */
#include "bus.h"
const struct af_bus_driver af_bus_http = {.scheme = "http:"};
